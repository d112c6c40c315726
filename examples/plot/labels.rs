//! Places labels next to points so that no two overlap.

/// Left, top, right and bottom, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Rect {
    pub fn around((x, y): (f64, f64), reach: f64) -> Rect {
        Rect {
            left: x - reach,
            top: y - reach,
            right: x + reach,
            bottom: y + reach,
        }
    }

    pub fn meets(&self, other: &Rect) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    fn is_within(&self, other: &Rect) -> bool {
        self.left >= other.left && self.right <= other.right && self.top >= other.top && self.bottom <= other.bottom
    }
}

/// The placed labels, and the marks that further ones should avoid.
pub struct Labels {
    frame: Rect,
    marks: Vec<Rect>,
    pub placed: Vec<Rect>,
}

/// Directions from a point to the middle of its label, best first.
const DIRECTIONS: usize = 16;
const FIRST: [usize; DIRECTIONS] = [14, 2, 15, 1, 0, 13, 3, 12, 4, 10, 6, 9, 7, 8, 11, 5];

impl Labels {
    /// Labels stay within the frame, and avoid the marks where there is room.
    pub fn new(frame: Rect, marks: Vec<Rect>) -> Labels {
        Labels {
            frame,
            marks,
            placed: Vec::new(),
        }
    }

    /// The nearest free box for a label of this size that belongs to a point. None where the frame is full.
    pub fn place(&mut self, (x, y): (f64, f64), (width, height): (f64, f64)) -> Option<Rect> {
        let candidates = (0..24).flat_map(|ring| {
            let reach = 7.0 + 7.0 * ring as f64;
            FIRST.map(|direction| {
                let angle = std::f64::consts::TAU * direction as f64 / DIRECTIONS as f64;
                let middle_x = x + (reach + width / 2.0) * angle.cos();
                let middle_y = y + (reach + height / 2.0) * angle.sin();
                Rect {
                    left: middle_x - width / 2.0,
                    top: middle_y - height / 2.0,
                    right: middle_x + width / 2.0,
                    bottom: middle_y + height / 2.0,
                }
            })
        });
        let apart = |r: &Rect| r.is_within(&self.frame) && !self.placed.iter().any(|p| p.meets(r));
        let clear = |r: &Rect| !self.marks.iter().any(|m| m.meets(r));
        let mut free = candidates.filter(apart);
        let found = free.clone().find(clear).or_else(|| free.next())?;
        self.placed.push(found);
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Rect = Rect {
        left: 0.0,
        top: 0.0,
        right: 800.0,
        bottom: 500.0,
    };

    #[test]
    fn labels_of_a_crowd_do_not_overlap() {
        let points: Vec<(f64, f64)> = (0..40)
            .map(|i| (400.0 + (i % 5) as f64, 200.0 + (i / 5) as f64))
            .collect();
        let marks = points.iter().map(|&p| Rect::around(p, 4.0)).collect();
        let mut labels = Labels::new(FRAME, marks);
        for &point in &points {
            let placed = labels.place(point, (60.0, 12.0)).expect("there is room");
            assert!(placed.is_within(&FRAME));
        }
        for (i, a) in labels.placed.iter().enumerate() {
            assert!(!labels.placed[..i].iter().any(|b| a.meets(b)), "{a:?}");
        }
    }

    #[test]
    fn a_full_frame_has_no_place() {
        let mut labels = Labels::new(Rect::around((0.0, 0.0), 20.0), Vec::new());
        assert_eq!(labels.place((0.0, 0.0), (60.0, 12.0)), None);
    }
}
