//! The regular expressions by which configurations name layers: those of Python that need no backtracking.

/// A regular expression that is matched from the start of a name, like Python's `re.match`.
///
/// The time to match grows at most with the product of both lengths.
pub(super) struct Pattern {
    steps: Vec<PatternStep>,
}

/// Addresses are relative to the step, so that parts are concatenated without change.
#[derive(Clone, Debug)]
enum PatternStep {
    One(Class),
    Either(isize, isize),
    Jump(isize),
    Start,
    End,
}

#[derive(Clone, Debug)]
struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    fn of(ranges: &[(char, char)]) -> Class {
        Class {
            negated: false,
            ranges: ranges.to_vec(),
        }
    }

    fn holds(&self, c: char) -> bool {
        self.ranges.iter().any(|&(from, to)| from <= c && c <= to) != self.negated
    }
}

impl Pattern {
    /// `None` for unsupported syntax (counts such as `{2}`, look-around, references) and for invalid syntax.
    pub fn new(text: &str) -> Option<Pattern> {
        let mut parser = Parser {
            rest: text.chars().collect(),
            at: 0,
            depth: 0,
        };
        let steps = parser.alternatives()?;
        (parser.at == parser.rest.len()).then_some(Pattern { steps })
    }

    /// Whether the pattern matches a prefix of the name.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let mut states = vec![0];
        for at in 0..=name.len() {
            let found = self.follow(&mut states, at == 0, at == name.len());
            if found {
                return true;
            }
            let Some(&c) = name.get(at) else { break };
            states.retain(|&step| matches!(&self.steps[step], PatternStep::One(class) if class.holds(c)));
            states.iter_mut().for_each(|step| *step += 1);
        }
        false
    }

    /// Follows all steps that take no character; returns whether the end is reached.
    fn follow(&self, states: &mut Vec<usize>, start: bool, end: bool) -> bool {
        let mut seen = vec![false; self.steps.len() + 1];
        let mut open = std::mem::take(states);
        while let Some(step) = open.pop() {
            if std::mem::replace(&mut seen[step], true) {
                continue;
            }
            let mut go = |by: isize| open.push(step.saturating_add_signed(by));
            match self.steps.get(step) {
                None => return true,
                Some(PatternStep::One(_)) => states.push(step),
                Some(&PatternStep::Either(a, b)) => [a, b].into_iter().for_each(go),
                Some(&PatternStep::Jump(by)) => go(by),
                Some(PatternStep::Start) if start => go(1),
                Some(PatternStep::End) if end => go(1),
                Some(PatternStep::Start | PatternStep::End) => {}
            }
        }
        false
    }
}

struct Parser {
    rest: Vec<char>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn takes(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn alternatives(&mut self) -> Option<Vec<PatternStep>> {
        let mut all = self.sequence()?;
        while self.takes('|') {
            let other = self.sequence()?;
            let mut both = vec![PatternStep::Either(1, all.len() as isize + 2)];
            both.append(&mut all);
            both.push(PatternStep::Jump(other.len() as isize + 1));
            both.extend(other);
            all = both;
        }
        Some(all)
    }

    fn sequence(&mut self) -> Option<Vec<PatternStep>> {
        let mut all = Vec::new();
        while !matches!(self.peek(), None | Some('|' | ')')) {
            let mut one = self.atom()?;
            let length = one.len() as isize;
            match self.peek() {
                Some('*') => {
                    all.push(PatternStep::Either(1, length + 2));
                    all.append(&mut one);
                    all.push(PatternStep::Jump(-length - 1));
                }
                Some('+') => {
                    all.append(&mut one);
                    all.push(PatternStep::Either(-length, 1));
                }
                Some('?') => {
                    all.push(PatternStep::Either(1, length + 1));
                    all.append(&mut one);
                }
                _ => {
                    all.append(&mut one);
                    continue;
                }
            }
            self.at += 1;
            // Lazy repeats match the same names; possessive ones do not.
            self.takes('?');
            if matches!(self.peek(), Some('*' | '+' | '?')) {
                return None;
            }
        }
        Some(all)
    }

    fn atom(&mut self) -> Option<Vec<PatternStep>> {
        let one = |class| Some(vec![PatternStep::One(class)]);
        match self.next()? {
            '.' => one(Class {
                negated: true,
                ranges: vec![('\n', '\n')],
            }),
            '^' => Some(vec![PatternStep::Start]),
            '$' => Some(vec![PatternStep::End]),
            '[' => one(self.class()?),
            '(' => {
                if self.takes('?') && !self.takes(':') {
                    return None;
                }
                self.depth += 1;
                let inner = (self.depth < 50).then(|| self.alternatives())??;
                self.depth -= 1;
                self.takes(')').then_some(inner)
            }
            '\\' => one(self.escaped()?),
            '*' | '+' | '?' | '{' | '}' => None,
            c => one(Class::of(&[(c, c)])),
        }
    }

    fn escaped(&mut self) -> Option<Class> {
        match self.next()? {
            'd' => Some(Class::of(&[('0', '9')])),
            'w' => Some(Class::of(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')])),
            c if c.is_ascii_alphanumeric() => None,
            c => Some(Class::of(&[(c, c)])),
        }
    }

    fn class(&mut self) -> Option<Class> {
        let negated = self.takes('^');
        let mut ranges = Vec::new();
        loop {
            let from = match self.next()? {
                ']' if !ranges.is_empty() => return Some(Class { negated, ranges }),
                '\\' => {
                    let escaped = self.escaped()?;
                    match escaped.ranges[..] {
                        [(c, d)] if c == d => c,
                        _ => {
                            ranges.extend(escaped.ranges);
                            continue;
                        }
                    }
                }
                c => c,
            };
            let range = self.peek() == Some('-') && self.rest.get(self.at + 1) != Some(&']');
            let to = if range {
                self.at += 1;
                self.next()?
            } else {
                from
            };
            ranges.push((from, to));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    /// The results of Python's `re.match`.
    #[test]
    fn as_python() {
        let layer = "model.layers.11.mlp.down_proj";
        for (pattern, name, expected) in [
            (".*down_proj$", layer, true),
            (r"model\.layers\.\d+\.mlp\..*", layer, true),
            ("down_proj", layer, false),
            ("model.layers.1", layer, true),
            (r"model\.layers\.1\.", layer, false),
            (r".*\.(gate|up|down)_proj$", layer, true),
            (r".*\.(gate|up)_proj$", layer, false),
            (r".*layers\.(?:[0-9]|1[01])\..*", layer, true),
            (r".*layers\.[2-9]+\..*", layer, false),
            ("^model.*(attn|mlp)?.*proj$", layer, true),
            (".*[^j]$", layer, false),
            ("(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("lm_head", "lm_head", true),
            ("", "", true),
            ("a|", "b", true),
            ("x+?y", "xxy", true),
        ] {
            let found = Pattern::new(pattern).map(|p| p.matches(name));
            assert_eq!(found, Some(expected), "{pattern} on {name}");
        }
    }

    #[test]
    fn what_is_not_read() {
        for pattern in [
            "(", ")", "a{2}", "(?=a)", "(?!a)", r"\1", r"\b", "[a", "*", "a**", "a*+",
        ] {
            assert!(Pattern::new(pattern).is_none(), "{pattern}");
        }
        assert!(Pattern::new(&"(".repeat(10_000)).is_none());
    }
}
