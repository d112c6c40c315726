//! The tokenizer of a GGUF file, by the crate shimmytok, and text as it comes.

use crate::model::Fallible;
use lowbit::gguf::{Split, Value};
use shimmytok::{EncodeOptions, Tokenizer};

/// Ways to cut text into words (`tokenizer.ggml.pre`) that were compared with llama.cpp's; shimmytok takes a default for
/// those that it does not know, and the model would be told other tokens.
const CUTS: [&str; 7] = [
    "llama-bpe",
    "llama3",
    "llama-v3",
    "qwen2",
    "deepseek-r1-qwen",
    "smollm",
    "tekken",
];

/// Those of them that put the first token before every text, unless the file says otherwise.
const BEGINNING: [&str; 4] = ["llama-bpe", "llama3", "llama-v3", "tekken"];

/// What models end a turn with, under whatever key it is.
const ENDS: [&str; 6] = [
    "</s>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|endoftext|>",
    "<|end_of_text|>",
];

pub struct Tokens {
    tokenizer: Tokenizer,
    /// The token that begins every text.
    begin: Option<u32>,
    /// Tokens that end it.
    ends: Vec<u32>,
    /// Whether texts are told with a space before them.
    spaced: bool,
}

impl Tokens {
    /// `bytes` are those of the file, or of its first part.
    pub fn read(file: &Split, bytes: &[u8]) -> Fallible<Tokens> {
        let key = |name: &str| file.get(&format!("tokenizer.ggml.{name}"));
        let text = |name: &str| key(name).and_then(|key| key.as_str());
        let kind = text("model").unwrap_or("none");
        let cut = text("pre").unwrap_or("none");
        match kind {
            "llama" => (),
            "gpt2" if CUTS.contains(&cut) => (),
            "gpt2" => {
                let known = CUTS.join(", ");
                return Err(format!("tokenizer.ggml.pre should be one of {known}, got {cut}").into());
            }
            _ => return Err(format!("tokenizer.ggml.model should be llama or gpt2, got {kind}").into()),
        }
        let tokenizer = Tokenizer::from_bytes(bytes)?;
        let id = |name: &str| key(name).and_then(|key| key.as_u64()).map(|id| id as u32);
        let flag = |name: &str, default| match key(name).map(|key| key.value()) {
            Some(Value::Bool(set)) => set,
            _ => default,
        };
        let begins = flag("add_bos_token", kind == "llama" || BEGINNING.contains(&cut));
        let keys = ["eos_token_id", "eot_token_id", "eom_token_id"];
        let named = ENDS.iter().filter_map(|end| tokenizer.get_token(end));
        Ok(Tokens {
            begin: id("bos_token_id").filter(|_| begins),
            ends: keys.iter().filter_map(|key| id(key)).chain(named).collect(),
            spaced: kind == "llama" && flag("add_space_prefix", true),
            tokenizer,
        })
    }

    /// The tokens of a text. Special tokens are recognized where it names them.
    pub fn encode(&self, text: &str) -> Fallible<Vec<u32>> {
        let options = EncodeOptions::with_parse_special(false, true);
        // shimmytok leaves it out where there is one already; llama.cpp does not.
        let space = if self.spaced && text.starts_with(' ') { " " } else { "" };
        let tokens = self
            .tokenizer
            .encode_with_options(&format!("{space}{text}"), &options)?;
        Ok(self.begin.into_iter().chain(tokens).collect())
    }

    pub fn is_end(&self, token: u32) -> bool {
        self.ends.contains(&token)
    }

    /// The text of tokens. A character whose bytes are not all there is U+FFFD.
    fn decode(&self, tokens: &[u32]) -> Fallible<String> {
        Ok(self.tokenizer.decode(tokens, true)?)
    }
}

/// Text that grows by tokens, some of which are a part of a character.
pub struct Text<'a> {
    tokens: &'a Tokens,
    ids: Vec<u32>,
    /// Bytes that were told already.
    told: usize,
}

impl<'a> Text<'a> {
    /// Text that begins with these tokens, told already.
    pub fn new(tokens: &'a Tokens, ids: &[u32]) -> Fallible<Text<'a>> {
        Ok(Text {
            tokens,
            ids: ids.to_vec(),
            told: tokens.decode(ids)?.len(),
        })
    }

    /// Adds a token; returns the text that is now complete.
    pub fn push(&mut self, id: u32) -> Fallible<String> {
        self.ids.push(id);
        let text = self.tokens.decode(&self.ids)?;
        let whole = text.trim_end_matches('\u{FFFD}').len();
        let new = text.get(self.told..whole).unwrap_or_default().to_owned();
        self.told = self.told.max(whole);
        Ok(new)
    }

    /// What is left: characters that stayed incomplete.
    pub fn rest(&mut self) -> Fallible<String> {
        let text = self.tokens.decode(&self.ids)?;
        Ok(text.get(self.told..).unwrap_or_default().to_owned())
    }
}
