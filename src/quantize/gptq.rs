//! TODO gptq
