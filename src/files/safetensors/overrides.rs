//! Settings of single layers, which override those of the model.

use super::layer::{LayerSource, count, group_of};
use super::pattern::Pattern;
use crate::{Group, Result};
use serde_json::Value;

/// The settings for single layers in a configuration, and those that apply to this layer.
pub(super) struct Overrides<'m> {
    exist: bool,
    own: Vec<&'m Value>,
    /// Settings whose pattern is not understood.
    doubtful: Vec<&'m Value>,
}

impl<'m> Overrides<'m> {
    /// GPTQModel's `dynamic`: maps `+:PATTERN` or `PATTERN` to settings. `-:PATTERN` are layers that are not quantized,
    /// which their tensors show as well.
    pub fn dynamic(settings: &'m Value, layer: &str) -> Overrides<'m> {
        Overrides::of(&settings["dynamic"], |key| {
            let pattern = key.strip_prefix("+:").unwrap_or(key);
            if key.starts_with("-:") {
                Some(false)
            } else {
                Some(Pattern::new(pattern)?.matches(layer))
            }
        })
    }

    /// AutoRound's `extra_config`: maps a layer's name, or a pattern that is searched in the name, to settings.
    pub fn extra_config(settings: &'m Value, layer: &str) -> Overrides<'m> {
        let extra = &settings["extra_config"];
        if extra[layer].is_object() {
            return Overrides::of(extra, |key| Some(key == layer));
        }
        Overrides::of(extra, |key| {
            let anywhere = if key.starts_with('^') {
                key.to_owned()
            } else {
                format!(".*({key})")
            };
            Some(Pattern::new(&anywhere)?.matches(layer))
        })
    }

    /// Sorts settings by `is_own` of their key, which is `None` if the pattern is not understood.
    fn of(all: &'m Value, is_own: impl Fn(&str) -> Option<bool>) -> Overrides<'m> {
        let (mut own, mut doubtful) = (Vec::new(), Vec::new());
        for (key, value) in all.as_object().into_iter().flatten() {
            match is_own(key) {
                Some(true) => own.push(value),
                Some(false) => {}
                None => doubtful.push(value),
            }
        }
        Overrides {
            exist: all.is_object(),
            own,
            doubtful,
        }
    }

    /// Whether layers can have settings of their own.
    pub fn exist(&self) -> bool {
        self.exist
    }

    /// The layer's value of a text setting, or else the model's.
    pub fn text<'s>(&'s self, settings: &'s Value, key: &str) -> Option<&'s str> {
        let all = self.own.iter().copied().chain([settings]);
        all.filter_map(|settings| settings[key].as_str()).next()
    }

    /// Inputs that share a scale: the layer's own setting or the model's, whichever gives as many groups as the
    /// tensors have.
    pub fn group(&self, layer: &LayerSource, k: usize, groups: usize) -> Result<Group> {
        let mut said = Vec::new();
        let own = self.own.iter().copied();
        let all = own.chain([layer.quantization]);
        for settings in all.chain(self.doubtful.iter().copied()) {
            said.extend(count(settings, "group_size")?.map(group_of));
        }
        let fits = said.iter().find(|&&group| groups_of(k, group) == groups);
        match (fits, &said[..]) {
            (Some(&group), _) => Ok(group),
            // Without a setting: groups of equal length that fill a row.
            (None, []) if groups > 0 && k.is_multiple_of(groups) => Ok(Group::Len(k / groups)),
            (None, []) => Err(layer.wrong("group_size", "a setting", "none")),
            (None, [first, ..]) => {
                let many = groups_of(k, *first);
                let expected = format!("{many} for {k} inputs in {first}");
                Err(layer.wrong("groups of its scales", expected, groups))
            }
        }
    }
}

/// Groups in a row of `k` inputs.
pub(super) fn groups_of(k: usize, group: Group) -> usize {
    match group {
        Group::Len(len) => k.div_ceil(len),
        // A row of no inputs has no group.
        _ => k.min(1),
    }
}
