//! Builders of option structs.

/// A `with_field(self, value) -> Self` for each field listed. Options are `#[non_exhaustive]`, so that callers set
/// fields by name and new fields break nobody.
///
/// ```ignore
/// setters!(Gptq { with_damp: damp: f64, with_act_order: act_order: bool });
/// ```
macro_rules! setters {
    ($options:ident { $($with:ident: $field:ident: $type:ty),+ $(,)? }) => {
        impl $options {
            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](", stringify!($options), "::", stringify!($field), ").")]
                #[must_use]
                pub fn $with(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )+
        }
    };
}
pub(crate) use setters;
