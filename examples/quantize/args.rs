//! The command line.

use crate::llama::methods::Method;
use crate::overrides::Override;
use clap::Parser;
use lowbit::calibrate::allocate::Assignment;
use lowbit::gguf::{Preset, TensorType};
use regex::Regex;
use std::path::PathBuf;

/// Quantizes a model by one of llama.cpp's presets.
///
/// Options of llama-quantize have the same meaning and give the same bytes. Hugging Face folders are converted as by
/// llama.cpp's converter for llama, mistral, mixtral, qwen2, qwen3 and qwen3_moe (and bert, without its tokenizer).
/// Other architectures are out of scope and refused: convert them with llama.cpp's convert_hf_to_gguf.py first, and
/// quantize its GGUF file.
#[derive(Parser)]
pub struct Args {
    /// A GGUF file, a safetensors file, or a folder with either, of f32, f16 or bf16
    pub input: PathBuf,
    /// The GGUF file to write; the stem of the names with --part-bytes and --keep-split
    #[arg(required_unless_present = "dry_run")]
    pub output: Option<PathBuf>,
    /// Q4_K_M, Q8_0, IQ4_XS, ...; Q3_K, Q4_K, Q5_K for Q3_K_M and so on; llama.cpp's number; COPY quantizes nothing
    #[arg(long, value_parser = preset)]
    pub preset: Choice,
    /// Importance weights, from llama.cpp's llama-imatrix
    #[arg(long, value_name = "FILE")]
    pub imatrix: Option<PathBuf>,
    /// Importance weights only for tensors with this in their name; may be repeated
    #[arg(long, value_name = "NAME", requires = "imatrix", conflicts_with = "exclude_weights")]
    pub include_weights: Vec<String>,
    /// No importance weights for tensors with this in their name; may be repeated
    #[arg(long, value_name = "NAME", requires = "imatrix")]
    pub exclude_weights: Vec<String>,
    /// Tensors whose name matches get this type with every preset, as in 'ffn_down=Q6_K'; may be repeated, and the
    /// first match counts. It can also express --tensor-type and --pure of llama-quantize
    #[arg(long, value_name = "REGEX=TYPE", value_parser = keep)]
    pub keep: Vec<(Regex, TensorType)>,
    /// As --keep, but without effect where the preset is F32, F16 or BF16, as in llama-quantize
    #[arg(long, value_name = "REGEX=TYPE", value_parser = tensor_type)]
    pub tensor_type: Vec<(Regex, TensorType)>,
    /// A file of such entries, separated by spaces or newlines
    #[arg(long, value_name = "FILE", value_parser = tensor_types)]
    pub tensor_type_file: Option<TensorTypes>,
    /// The type of output.weight
    #[arg(long, value_name = "TYPE", value_parser = kind)]
    pub output_tensor_type: Option<TensorType>,
    /// The type of token_embd.weight
    #[arg(long, value_name = "TYPE", value_parser = kind)]
    pub token_embedding_type: Option<TensorType>,
    /// Does not quantize output.weight
    #[arg(long)]
    pub leave_output_tensor: bool,
    /// Gives all tensors the preset's default type
    #[arg(long)]
    pub pure: bool,
    /// Sets a key of the file; TYPE is int, float, bool or str; may be repeated
    #[arg(long, value_name = "KEY=TYPE:VALUE")]
    pub override_kv: Vec<Override>,
    /// The method that chooses the weights
    #[arg(long, value_enum, default_value = "rtn", conflicts_with = "imatrix")]
    pub method: Method,
    /// Texts that the method reads: .jsonl with a "text" in each line, or plain text
    #[arg(long, value_name = "FILE")]
    pub calibration: Option<PathBuf>,
    /// Skips this many of these texts
    #[arg(long, value_name = "TEXTS", default_value_t = 0)]
    pub skip: usize,
    /// The most tokens to read of a text
    #[arg(long, value_name = "TOKENS", default_value_t = 255)]
    pub length: usize,
    /// Formats of tensors by name, NAME=FORMAT in each line, as the example compare writes them; other tensors
    /// follow the preset
    #[arg(long, value_name = "FILE", value_parser = assignment)]
    pub assignment: Option<Assignment>,
    /// Splits the model into files of at most this many bytes of data
    #[arg(long, value_name = "BYTES", default_value_t = u64::MAX, hide_default_value = true)]
    pub part_bytes: u64,
    /// Splits the tensors into files as in the input
    #[arg(long, conflicts_with = "part_bytes")]
    pub keep_split: bool,
    /// Accepts tensors that are already quantized, whose errors remain
    #[arg(long, visible_alias = "allow-requantize")]
    pub requantize: bool,
    /// Prints what it would write, and writes nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What `--preset` names.
#[derive(Clone, Copy)]
pub enum Choice {
    Preset(Preset),
    Copy,
}

/// The entries of a file of types.
#[derive(Clone)]
pub struct TensorTypes(pub Vec<(Regex, TensorType)>);

fn preset(name: &str) -> Result<Choice, String> {
    let upper = name.to_ascii_uppercase();
    let whole = match &upper[..] {
        "COPY" => return Ok(Choice::Copy),
        "Q3_K" => "Q3_K_M",
        "Q4_K" => "Q4_K_M",
        "Q5_K" => "Q5_K_M",
        other => other,
    };
    let number = name.parse().ok();
    let numbered = Preset::ALL.iter().copied().find(|p| Some(p.file_type) == number);
    let found = Preset::from_name(whole).or(numbered);
    found.map(Choice::Preset).ok_or_else(|| {
        let known: Vec<_> = Preset::ALL
            .iter()
            .map(|p| format!("{} ({})", p.name, p.file_type))
            .collect();
        format!("known: {}, COPY", known.join(", "))
    })
}

fn kind(name: &str) -> Result<TensorType, String> {
    TensorType::from_name(name).ok_or(format!("no type {name:?} in GGUF"))
}

fn keep(text: &str) -> Result<(Regex, TensorType), String> {
    let (pattern, name) = text.rsplit_once('=').ok_or("wants REGEX=TYPE")?;
    Ok((Regex::new(pattern).map_err(|e| e.to_string())?, kind(name)?))
}

/// llama-quantize converts patterns to lower case, which names have.
fn tensor_type(text: &str) -> Result<(Regex, TensorType), String> {
    let (pattern, name) = text.split_once('=').ok_or("wants REGEX=TYPE")?;
    keep(&format!("{}={name}", pattern.to_lowercase()))
}

fn tensor_types(path: &str) -> Result<TensorTypes, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let entries = text.split_whitespace().map(tensor_type);
    entries.collect::<Result<_, _>>().map(TensorTypes)
}

fn assignment(path: &str) -> Result<Assignment, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    text.parse().map_err(|e: lowbit::Error| e.to_string())
}
