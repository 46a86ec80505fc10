//! placeholder until the detector lands
pub const MANY_NAMES: usize = 3;
pub fn many_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let _ = names;
    Vec::new()
}
