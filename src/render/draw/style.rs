//! Sizes shared by all plots, in CSS pixels.

/// Width of a figure on a screen, where two are side by side, and on paper.
pub(crate) const WIDE: f64 = 572.0;
/// Width of a figure on a phone.
pub(crate) const NARROW: f64 = 340.0;
/// Space around a figure.
pub(crate) const MARGIN: f64 = 8.0;
/// Text on axes and labels.
pub(crate) const TEXT: f64 = 13.0;
/// Headings of panels.
pub(crate) const HEADING: f64 = 14.0;
/// Numbers in cells and other small print; still 11 px where a figure is shown at nine tenths of its size.
pub(crate) const SMALL: f64 = 12.0;
/// Distance between two lines of a text.
pub(crate) const LINE_HEIGHT: f64 = 17.0;
/// Width of a curve.
pub(crate) const STROKE: f64 = 2.0;
