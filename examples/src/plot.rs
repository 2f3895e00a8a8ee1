//! Pictures of a training.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;

/// A curve: its name and points.
pub struct Curve<'a> {
    /// What it shows.
    pub name: &'a str,
    /// (step, value)
    pub points: &'a [(f64, f64)],
}

const COLOURS: [RGBColor; 5] =
    [RGBColor(31, 95, 191), RGBColor(214, 96, 30), RGBColor(60, 140, 70), RGBColor(140, 70, 160), RGBColor(120, 100, 40)];

/// What a picture says around its curves.
#[derive(Clone, Copy)]
pub struct Labels<'a> {
    /// Above it.
    pub title: &'a str,
    /// Below the horizontal axis.
    pub x: &'a str,
    /// Beside the vertical axis.
    pub y: &'a str,
}

/// Draws curves to an SVG file, on axes that hold all of them. Points that are not finite are left out.
///
/// # Errors
/// If the file cannot be written.
pub fn lines(path: &Path, labels: Labels<'_>, curves: &[Curve<'_>]) -> Result<()> {
    let draw = || -> Result<(), Box<dyn std::error::Error>> {
        let points = || curves.iter().flat_map(|c| c.points).copied().filter(|p| p.1.is_finite());
        let range = |of: fn((f64, f64)) -> f64| {
            let (low, high) = points().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
            if low < high { low..high } else { 0.0..1.0 }
        };
        let (x, y) = (range(|p| p.0), range(|p| p.1));
        let margin = 0.05 * (y.end - y.start);
        let root = SVGBackend::new(path, (900, 540)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .margin(16)
            .caption(labels.title, ("sans-serif", 22))
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(x, y.start - margin..y.end + margin)?;
        chart.configure_mesh().x_desc(labels.x).y_desc(labels.y).light_line_style(WHITE).label_style(("sans-serif", 15)).draw()?;
        for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
            let finite = curve.points.iter().copied().filter(|p| p.1.is_finite());
            chart
                .draw_series(LineSeries::new(finite, colour.stroke_width(2)))?
                .label(curve.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(3)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.9))
            .border_style(RGBColor(200, 200, 200))
            .label_font(("sans-serif", 15))
            .draw()?;
        root.present()?;
        Ok(())
    };
    draw().map_err(|e| anyhow!("{e}")).with_context(|| format!("cannot draw {}", path.display()))
}

/// Draws losses over training steps, with baselines as horizontal lines, to an SVG file.
///
/// # Errors
/// If the file cannot be written.
pub fn loss_curves(path: &Path, title: &str, curves: &[Curve<'_>], baselines: &[(&str, f64)]) -> Result<()> {
    let draw = || -> Result<(), Box<dyn std::error::Error>> {
        let points = || curves.iter().flat_map(|c| c.points).copied();
        let last = points().map(|p| p.0).fold(1.0, f64::max);
        let heights = || points().map(|p| p.1).chain(baselines.iter().map(|b| b.1)).filter(|y| y.is_finite());
        let (low, high) = (heights().fold(f64::INFINITY, f64::min), heights().fold(0.0, f64::max));
        let root = SVGBackend::new(path, (900, 540)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .margin(16)
            .caption(title, ("sans-serif", 22))
            .x_label_area_size(44)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..last, (low * 0.9).min(low)..high * 1.05)?;
        chart
            .configure_mesh()
            .x_desc("step")
            .y_desc("cross-entropy (nats per character)")
            .light_line_style(WHITE)
            .label_style(("sans-serif", 15))
            .draw()?;
        for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
            let width = if curve.points.len() > 200 { 1 } else { 2 };
            chart
                .draw_series(LineSeries::new(curve.points.iter().copied(), colour.stroke_width(width)))?
                .label(curve.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(3)));
        }
        for (i, (name, y)) in baselines.iter().enumerate() {
            let colour = RGBColor(120, 120, 120).mix(0.5 + 0.5 * (i % 2) as f64);
            chart
                .draw_series(DashedLineSeries::new([(0.0, *y), (last, *y)], 6, 4, colour.stroke_width(1)))?
                .label(format!("{name}: {y:.2}"))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(1)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE.mix(0.9))
            .border_style(RGBColor(200, 200, 200))
            .label_font(("sans-serif", 15))
            .draw()?;
        root.present()?;
        Ok(())
    };
    draw().map_err(|e| anyhow!("{e}")).with_context(|| format!("cannot draw {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_a_file() {
        let path = std::env::temp_dir().join(format!("autodiff-plot-{}.svg", std::process::id()));
        let curve = Curve { name: "training", points: &[(0.0, 4.0), (10.0, 2.5), (20.0, 2.0)] };
        loss_curves(&path, "loss", &[curve], &[("uniform", 4.1)]).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("uniform: 4.10"));
    }
}
