//! The text of a shader, put together from whole files: which line came from where, and loops written out.

use std::collections::HashMap;
use std::fmt::Write;

/// A composed shader, with the file and line that each of its lines came from.
pub(crate) struct Source {
    /// The kernel that it has, where that is one of the table.
    pub kernel: &'static str,
    /// What a log or an error calls it.
    pub name: String,
    pub text: String,
    lines: Vec<(&'static str, usize)>,
}

impl Source {
    pub fn new(kernel: &'static str, name: String) -> Source {
        Source {
            kernel,
            name,
            text: String::new(),
            lines: Vec::new(),
        }
    }

    pub fn push(&mut self, path: &'static str, line: usize, text: &str) {
        for text in text.split('\n') {
            self.text.push_str(text);
            self.text.push('\n');
            self.lines.push((path, line));
        }
    }

    /// Appends whole files.
    pub fn push_files<T: AsRef<str>>(
        &mut self,
        files: &[(&'static str, T)],
        consts: impl IntoIterator<Item = (&'static str, u32)>,
    ) {
        let consts: HashMap<&str, u32> = consts.into_iter().collect();
        for (path, text) in files {
            self.push(path, 0, &format!("\n// {path}"));
            let lines = text.as_ref().lines().map(String::from);
            let lines: Vec<(usize, String)> = (1..).zip(lines).collect();
            self.push_unrolled(path, &lines, &consts);
        }
    }

    /// Appends lines, each loop marked `// unroll` written out.
    fn push_unrolled(&mut self, path: &'static str, lines: &[(usize, String)], consts: &HashMap<&str, u32>) {
        let mut i = 0;
        while i < lines.len() {
            let (number, line) = &lines[i];
            let Some((variable, count)) = unrolled_loop(line, consts) else {
                self.push(path, *number, line);
                i += 1;
                continue;
            };
            let end = i + closing_brace(lines[i..].iter().map(|(_, l)| l.as_str()));
            for pass in 0..count {
                self.push(path, *number, "{");
                let literal = format!("{pass}u");
                let body: Vec<(usize, String)> = lines[i + 1..end]
                    .iter()
                    .map(|(n, l)| (*n, replace_word(l, variable, &literal)))
                    .collect();
                self.push_unrolled(path, &body, consts);
                self.push(path, lines[end].0, "}");
            }
            i = end + 1;
        }
    }

    /// A compiler's message with positions in the composed text turned into file and line.
    pub fn explain(&self, message: &str) -> String {
        let mut out = String::new();
        let mut rest = message;
        while let Some(at) = rest.find("wgsl:") {
            let (before, after) = rest.split_at(at);
            out.push_str(before);
            let after = &after["wgsl:".len()..];
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let line = after[..digits].parse::<usize>().ok();
            match line.and_then(|line| self.origin(line)) {
                Some((path, line)) => {
                    let _ = write!(out, "shaders/{path}:{line}");
                }
                None => {
                    let _ = write!(out, "wgsl:{}", &after[..digits]);
                }
            }
            rest = &after[digits..];
        }
        out + rest
    }

    /// The files that it is made of.
    #[cfg(test)]
    pub fn paths(&self) -> std::collections::BTreeSet<&'static str> {
        self.lines.iter().map(|(path, _)| *path).collect()
    }

    /// The file and line that a line of the text came from.
    pub fn origin(&self, line: usize) -> Option<(&'static str, usize)> {
        self.lines.get(line.wrapping_sub(1)).copied()
    }
}

/// `for (var NAME = 0u; NAME < LIMIT; NAME++) { // unroll` as (NAME, the value of LIMIT).
fn unrolled_loop<'a>(line: &'a str, consts: &HashMap<&str, u32>) -> Option<(&'a str, u32)> {
    let head = line.trim().strip_suffix("{ // unroll")?;
    let head = head.trim().strip_prefix("for (var ")?.strip_suffix("++)")?;
    let (variable, rest) = head.split_once(" = 0u; ")?;
    let limit = rest.strip_prefix(variable)?.strip_prefix(" < ")?;
    let limit = limit.split_once(';')?.0;
    Some((variable, evaluate(limit, consts)?))
}

/// Products and quotients of literals and constants, from left to right.
fn evaluate(expression: &str, consts: &HashMap<&str, u32>) -> Option<u32> {
    let mut value = 1u32;
    let mut divide = false;
    for word in expression.split_whitespace() {
        if word == "*" || word == "/" {
            divide = word == "/";
            continue;
        }
        let term = match consts.get(word) {
            Some(v) => *v,
            None => word.trim_end_matches('u').parse().ok()?,
        };
        value = if divide {
            value.checked_div(term)?
        } else {
            value.checked_mul(term)?
        };
    }
    Some(value)
}

/// Index of the line that closes the brace opened on the first line.
fn closing_brace<'a>(lines: impl Iterator<Item = &'a str>) -> usize {
    let mut depth = 0i32;
    for (i, line) in lines.enumerate() {
        let code = line.split("//").next().unwrap_or("");
        depth += code.matches('{').count() as i32 - code.matches('}').count() as i32;
        if depth == 0 {
            return i;
        }
    }
    panic!("an unrolled loop in shaders/ is not closed");
}

pub(crate) fn replace_word(line: &str, word: &str, with: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(word) {
        let (before, after) = rest.split_at(at);
        let after = &after[word.len()..];
        let starts = !before.ends_with(|c| is_word(c) || c == '.');
        let ends = !after.starts_with(is_word);
        out.push_str(before);
        out.push_str(if starts && ends { with } else { word });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_loops_are_written_out() {
        let lines = [
            "for (var r = 0u; r < LANE_N * 2u; r++) { // unroll",
            "    row[r] = r.xr + ar + r;",
            "}",
            "for (var i = 0u; i < 4u; i++) {",
            "}",
        ];
        let lines: Vec<_> = (1..).zip(lines.map(String::from)).collect();
        let mut source = Source::new("", String::new());
        source.push_unrolled("file", &lines, &HashMap::from([("LANE_N", 1)]));
        let expected = "{\n    row[0u] = 0u.xr + ar + 0u;\n}\n{\n    row[1u] = 1u.xr + ar + 1u;\n}\n\
                        for (var i = 0u; i < 4u; i++) {\n}\n";
        assert_eq!(source.text, expected);
        assert_eq!(source.explain("wgsl:5:3 bad"), "shaders/file:2:3 bad");
    }
}
