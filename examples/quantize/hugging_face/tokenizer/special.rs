//! Tokens with a role, whether they are added to a text, and the chat template.

use crate::hugging_face::{Keys, json};
use crate::model::Fallible;
use serde_json::Value;
use std::path::Path;

/// A role, and its key in llama.cpp.
const ROLES: &[(&str, &str)] = &[
    ("bos", "bos_token_id"),
    ("eos", "eos_token_id"),
    ("unk", "unknown_token_id"),
    ("sep", "seperator_token_id"),
    ("pad", "padding_token_id"),
    ("mask", "mask_token_id"),
    ("eot", "eot_token_id"),
    ("prefix", "prefix_token_id"),
    ("suffix", "suffix_token_id"),
    ("middle", "middle_token_id"),
];

#[derive(Default)]
pub struct Special {
    ids: Vec<(&'static str, u64)>,
    adds: Vec<(&'static str, bool)>,
    /// Templates by name; the main one is `default`.
    templates: Vec<(String, String)>,
}

/// Tokens of the roles that decide what is added to a text.
#[derive(Default)]
struct Texts {
    bos: Option<String>,
    eos: Option<String>,
    sep: Option<String>,
    cls: Option<String>,
    /// The end of a turn, where the template ends a text with another token.
    eot: Option<String>,
}

impl Special {
    pub fn read(folder: &Path, config: &Value, settings: &Value, tokenizer: Option<&Value>) -> Fallible<Special> {
        let mut special = Special::default();
        let text = |role: &str| json::content(&settings[format!("{role}_token")]).map(str::to_owned);
        let mut texts = Texts {
            bos: text("bos").or(text("cls")),
            eos: text("eos").or(text("sep")),
            sep: text("sep"),
            cls: text("cls"),
            eot: None,
        };
        if let Some(tokenizer) = tokenizer {
            let after = &tokenizer["post_processor"];
            let steps = after["processors"]
                .as_array()
                .map_or(std::slice::from_ref(after), |steps| &steps[..]);
            for step in steps.iter().filter(|step| step["type"] == "TemplateProcessing") {
                special.of_template(step, &mut texts);
            }
        }
        if settings.is_object() {
            special.templates = templates(folder, settings)?;
            let added = tokenizer.and_then(|t| t["added_tokens"].as_array());
            for (role, _) in &ROLES[..7] {
                if let Some(adds) = settings[format!("add_{role}_token")].as_bool() {
                    special.set_adds(role, adds);
                }
                let content = match *role {
                    "bos" => texts.bos.clone(),
                    "eos" => texts.eos.clone(),
                    "sep" => texts.sep.clone(),
                    "eot" => texts.eot.clone(),
                    role => text(role),
                };
                let same = |entry: &&Value| entry["content"].as_str() == content.as_deref();
                let entry = added
                    .and_then(|added| added.iter().find(same))
                    .filter(|_| content.is_some());
                special.set_id(role, entry.and_then(|entry| entry["id"].as_u64()));
            }
        }
        for (role, _) in &ROLES[..6] {
            special.set_id(role, config[format!("{role}_token_id")].as_u64());
        }
        Ok(special)
    }

    /// The first valid id of a role counts.
    fn set_id(&mut self, role: &'static str, id: Option<u64>) {
        if let (Some(id), false) = (id, self.ids.iter().any(|(known, _)| *known == role)) {
            self.ids.push((role, id));
        }
    }

    /// The last setting of a role counts.
    fn set_adds(&mut self, role: &'static str, adds: bool) {
        match self.adds.iter_mut().find(|(known, _)| *known == role) {
            Some(known) => known.1 = adds,
            None => self.adds.push((role, adds)),
        }
    }

    /// Takes what a template puts before, after and between texts.
    fn of_template(&mut self, step: &Value, texts: &mut Texts) {
        let token = |entry: Option<&Value>| Some(entry?["SpecialToken"]["id"].as_str()?.to_owned());
        let list = |name: &str| step[name].as_array().map_or(&[][..], |list| &list[..]);
        let (single, pair) = (list("single"), list("pair"));
        let alone = single.len() <= 1;
        let first = token(single.first()).filter(|_| !alone);
        let last = token(single.last()).filter(|_| !alone);
        if let Some(first) = &first {
            texts.bos.get_or_insert_with(|| first.clone());
            texts.cls.get_or_insert_with(|| first.clone());
            self.set_adds(
                "bos",
                [&texts.bos, &texts.cls]
                    .into_iter()
                    .flatten()
                    .any(|known| known == first),
            );
        }
        if let Some(last) = &last {
            if texts.eos.as_ref() != Some(last) {
                texts.eot = texts.eos.replace(last.clone());
            }
            self.set_adds("eos", true);
        }
        // A, then one or two tokens, then B.
        let start = usize::from(first.is_some() && token(pair.first()) == first);
        let end = pair.len() - usize::from(last.is_some() && token(pair.last()) == last);
        let (Some([_, between @ .., _]), false) = (pair.get(start..end), pair.is_empty()) else {
            return;
        };
        if between.is_empty() {
            return;
        }
        let ends = |at: usize| {
            let found = token(between.get(at));
            found.is_some() && (found == texts.sep || found == texts.eos)
        };
        let separates = (ends(0) && last.is_none()) || (between.len() == 2 && ends(1));
        self.set_adds("sep", separates);
        if separates && texts.sep.is_none() {
            texts.sep.clone_from(&texts.eos);
        }
    }

    /// Drops ids outside the vocabulary.
    pub fn within(&mut self, count: usize) {
        self.ids.retain(|(_, id)| *id < count as u64);
    }

    /// Settings that two families lack, which llama.cpp's converter recognises by their vocabulary size.
    pub fn of_llama(&mut self, vocabulary: Option<u64>) {
        match vocabulary {
            // Code Llama, which fills in the middle.
            Some(32_016) => {
                for (role, id) in [
                    ("prefix", 32_007),
                    ("suffix", 32_008),
                    ("middle", 32_009),
                    ("eot", 32_010),
                ] {
                    self.set_id(role, Some(id));
                }
            }
            // Small Granite and SmolLM.
            Some(49_152) => self.set_adds("bos", false),
            _ => {}
        }
    }

    pub fn add(self, keys: &mut Keys) {
        for (role, key) in ROLES {
            let id = self.ids.iter().find(|(known, _)| known == role);
            if let Some(id) = id.and_then(|(_, id)| u32::try_from(*id).ok()) {
                keys.whole(&format!("tokenizer.ggml.{key}"), id);
            }
        }
        for (role, adds) in self
            .adds
            .iter()
            .filter(|(role, _)| ["bos", "eos", "sep"].contains(role))
        {
            keys.whole(&format!("tokenizer.ggml.add_{role}_token"), *adds);
        }
        let mut names = Vec::new();
        for (name, template) in self.templates {
            if name == "default" {
                keys.whole("tokenizer.chat_template", template);
            } else {
                keys.whole(&format!("tokenizer.chat_template.{name}"), template);
                names.push(name);
            }
        }
        if !names.is_empty() {
            keys.whole("tokenizer.chat_templates", names);
        }
    }
}

/// The template, or several by name, from the settings or from separate files.
fn templates(folder: &Path, settings: &Value) -> Fallible<Vec<(String, String)>> {
    let in_file = |path: &Path| match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("{}: {e}", path.display())),
    };
    let default = |text: String| vec![("default".to_owned(), text)];
    let listed = |value: &Value| match (value.as_str(), value.as_array()) {
        (Some(text), _) => default(text.to_owned()),
        (None, Some(list)) => {
            let entry = |v: &Value| Some((letters(v["name"].as_str()?), v["template"].as_str()?.to_owned()));
            list.iter().filter_map(entry).collect()
        }
        _ => Vec::new(),
    };
    if !settings["chat_template"].is_null() {
        return Ok(listed(&settings["chat_template"]));
    }
    if let Some(text) = in_file(&folder.join("chat_template.jinja"))? {
        let mut all = default(text);
        let more = folder.join("additional_chat_templates");
        let files = std::fs::read_dir(more).into_iter().flatten();
        let mut paths: Vec<_> = files.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.retain(|path| path.extension().is_some_and(|e| e == "jinja"));
        paths.sort();
        for path in paths {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            all.extend(in_file(&path)?.map(|text| (letters(&stem), text)));
        }
        return Ok(all);
    }
    let old = json::read(folder, "chat_template.json")?.unwrap_or_default();
    Ok(listed(&old["chat_template"]))
}

/// A name as part of a key.
fn letters(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}
