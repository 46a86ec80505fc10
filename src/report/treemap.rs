//! A squarified treemap (Bruls, Huizing and van Wijk, 2000): rectangles whose areas are sizes, as square as they can
//! be. Pure.

/// A rectangle of the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rectangle {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// A rectangle for each size, in the order of the sizes, which must fall. What has no size gets no area.
pub(super) fn squarify(sizes: &[u64], whole: Rectangle) -> Vec<Rectangle> {
    let total: u64 = sizes.iter().sum();
    if total == 0 {
        return sizes.iter().map(|_| Rectangle { width: 0.0, height: 0.0, ..whole }).collect();
    }
    let scale = whole.width * whole.height / total as f64;
    let areas: Vec<f64> = sizes.iter().map(|size| *size as f64 * scale).collect();
    let mut made = Vec::new();
    let mut free = whole;
    let mut rest = areas.as_slice();
    while !rest.is_empty() {
        let side = free.width.min(free.height);
        let mut row = 1;
        while row < rest.len() && worst(&rest[..row + 1], side) <= worst(&rest[..row], side) {
            row += 1;
        }
        free = lay(&rest[..row], free, &mut made);
        rest = &rest[row..];
    }
    made
}

/// The worst ratio of sides in a row along a side.
fn worst(row: &[f64], side: f64) -> f64 {
    let sum: f64 = row.iter().sum();
    let ratio = |area: &f64| {
        let (long, wide) = (side * side * area, sum * sum);
        if *area == 0.0 { 1.0 } else { (long / wide).max(wide / long) }
    };
    row.iter().map(ratio).fold(1.0, f64::max)
}

/// Lays a row along the shorter side; gives what stays free.
fn lay(row: &[f64], free: Rectangle, made: &mut Vec<Rectangle>) -> Rectangle {
    let sum: f64 = row.iter().sum();
    let upright = free.width >= free.height;
    let side = if upright { free.height } else { free.width };
    let depth = if side > 0.0 { sum / side } else { 0.0 };
    let mut at = 0.0;
    for area in row {
        let length = if depth > 0.0 { area / depth } else { 0.0 };
        made.push(if upright {
            Rectangle { x: free.x, y: free.y + at, width: depth, height: length }
        } else {
            Rectangle { x: free.x + at, y: free.y, width: length, height: depth }
        });
        at += length;
    }
    if upright {
        Rectangle { x: free.x + depth, width: (free.width - depth).max(0.0), ..free }
    } else {
        Rectangle { y: free.y + depth, height: (free.height - depth).max(0.0), ..free }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Rectangle = Rectangle { x: 0.0, y: 0.0, width: 6.0, height: 4.0 };

    /// The example of the paper, up to its third row.
    #[test]
    fn areas_are_in_proportion_and_nothing_overlaps() {
        let sizes = [6, 6, 4, 3, 2, 2, 1];
        let map = squarify(&sizes, WHOLE);
        for (size, one) in sizes.iter().zip(&map) {
            assert!((one.width * one.height - *size as f64).abs() < 1e-9, "{one:?}");
            assert!(one.x >= 0.0 && one.x + one.width <= 6.0 + 1e-9 && one.y + one.height <= 4.0 + 1e-9, "{one:?}");
        }
        assert_eq!((map[0].width, map[0].height), (3.0, 2.0));
        for (index, one) in map.iter().enumerate() {
            for other in &map[..index] {
                let apart = one.x + 1e-9 >= other.x + other.width
                    || other.x + 1e-9 >= one.x + one.width
                    || one.y + 1e-9 >= other.y + other.height
                    || other.y + 1e-9 >= one.y + one.height;
                assert!(apart, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn nothing_has_no_area() {
        assert!(squarify(&[], WHOLE).is_empty());
        assert_eq!(squarify(&[0], WHOLE)[0].width, 0.0);
        assert_eq!(squarify(&[5, 0], WHOLE)[1].height, 0.0);
    }
}
