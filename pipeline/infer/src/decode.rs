//! From a network's numbers to what they say: one file a family, all pure.

pub mod classify;
pub mod detr;
pub mod picodet;
pub mod segment;
pub mod yolox;

use std::collections::BTreeMap;

use matpho_scene::{Class, PictureSize};

/// Which outputs of a detector are wanted, and from which score on.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// By index of the network's classes; `None` for a class that nobody acts on.
    by_index: Vec<Option<(Class, f32)>>,
    /// The lowest score of all: whatever stays under it cannot be wanted.
    least: f32,
}

impl Wanted {
    /// `names` in the network's order, least scores by name and, overruling them, by class; `floor` overrules all that are higher.
    pub fn new(
        names: &[String],
        thresholds: &BTreeMap<String, f32>,
        overruled: &BTreeMap<Class, f32>,
        floor: Option<f32>,
    ) -> Self {
        let by_index: Vec<_> = names
            .iter()
            .map(|name| {
                let class = name.parse().ok()?;
                let least = *overruled.get(&class).or_else(|| thresholds.get(name))?;
                Some((class, floor.map_or(least, |floor| floor.min(least))))
            })
            .collect();
        let least = by_index.iter().flatten().map(|&(_, least)| least).fold(f32::INFINITY, f32::min);
        Self { by_index, least }
    }

    /// How many classes the network has, wanted or not.
    pub fn classes(&self) -> usize {
        self.by_index.len()
    }

    pub fn least(&self) -> f32 {
        self.least
    }

    /// The class of an index, where it is wanted at this score.
    pub fn accept(&self, index: usize, score: f32) -> Option<Class> {
        self.by_index.get(index).copied().flatten().and_then(|(class, least)| (score >= least).then_some(class))
    }

    /// The best of the wanted classes: its index and value. Classes that nobody acts on do not compete, as a traffic light that
    /// outscores a car is no reason to miss the car.
    pub fn best(&self, values: &[f32]) -> Option<(usize, f32)> {
        let wanted = values.iter().enumerate().filter(|&(index, _)| self.by_index.get(index).is_some_and(Option::is_some));
        wanted
            .map(|(index, &value)| (index, value))
            .filter(|(_, value)| !value.is_nan())
            .reduce(|best, next| if next.1 > best.1 { next } else { best })
    }
}

/// The cells of an output level, rows from the top: `(column, row)`. A stride that does not divide a side leaves a cell that hangs over.
pub fn cells(input: PictureSize, stride: u32) -> impl Iterator<Item = (f32, f32)> {
    let (columns, rows) = grid(input, stride);
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (column as f32, row as f32)))
}

/// Columns and rows of an output level.
pub fn grid(input: PictureSize, stride: u32) -> (u32, u32) {
    (input.width.div_ceil(stride), input.height.div_ceil(stride))
}

/// Cells of all output levels together.
pub fn anchors(input: PictureSize, strides: &[u32]) -> usize {
    strides.iter().map(|&stride| grid(input, stride)).map(|(columns, rows)| columns as usize * rows as usize).sum()
}

/// The logistic function.
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
pub(crate) fn wanted(classes: &[(&str, f32)]) -> Wanted {
    let names: Vec<_> = classes.iter().map(|(name, _)| (*name).to_owned()).collect();
    let thresholds = classes.iter().map(|(name, score)| ((*name).to_owned(), *score)).collect();
    Wanted::new(&names, &thresholds, &BTreeMap::new(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_classes_neither_win_nor_compete() {
        let wanted = wanted(&[("traffic light", 0.1), ("car", 0.5), ("bus", 0.3)]);
        assert_eq!(wanted.best(&[0.9, 0.6, 0.2]), Some((1, 0.6)));
        assert_eq!(wanted.best(&[0.9, f32::NAN, 0.2]), Some((2, 0.2)));
        assert_eq!(wanted.accept(0, 0.9), None);
        assert_eq!(wanted.accept(1, 0.4), None);
        assert_eq!(wanted.accept(2, 0.3), Some(Class::Bus));
        assert_eq!(wanted.least(), 0.3);
    }

    #[test]
    fn thresholds_are_overruled_by_class_and_by_floor() {
        let names = ["car".to_owned(), "bus".to_owned(), "truck".to_owned()];
        let by_name = names.iter().map(|name| (name.clone(), 0.5)).collect();
        let overruled = BTreeMap::from([(Class::Bus, 0.05)]);
        let wanted = Wanted::new(&names, &by_name, &overruled, Some(0.1));
        assert_eq!(wanted.accept(0, 0.1), Some(Class::Car));
        assert_eq!(wanted.accept(1, 0.06), Some(Class::Bus));
        assert_eq!(wanted.accept(2, 0.06), None);
    }

    #[test]
    fn a_grid_covers_the_whole_input() {
        let input = PictureSize { width: 416, height: 416 };
        assert_eq!(grid(input, 64), (7, 7));
        assert_eq!(anchors(input, &[8, 16, 32]), 3549);
        assert_eq!(cells(input, 208).collect::<Vec<_>>(), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]);
    }
}
