//! The files of a study: written whole or not at all, and read again.

use super::compare::Comparison;
use super::file_error::FileError;
use super::page::scale_html;
use super::picture;
use super::results::{Method, Results, Roof, SCHEMA};
use crate::batch::{OutputFolder, OutputPath};
use std::io::Write;
use std::path::Path;

/// A study has no more text than this: 64 MiB.
const TEXT_MAX: u64 = 64 << 20;

impl Results {
    /// Writes scale.json, scale.svg, scale.html and, if the operations of a workload are known,
    /// roofline.svg into a folder, which is created if it is missing. Files of an earlier study are
    /// replaced. Gives their names.
    ///
    /// # Errors
    ///
    /// If something cannot be written; or if another run writes there, or one was cut off there.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<Vec<&'static str>, FileError> {
        let files = self.files()?;
        save(folder.as_ref(), "scale", &files)?;
        Ok(files.into_iter().map(|(name, _)| name).collect())
    }

    fn files(&self) -> Result<Vec<(&'static str, String)>, FileError> {
        let mut files = vec![("scale.json", self.to_json()?)];
        files.push(("scale.svg", self.scale_svg()?));
        if let Some(roofline) = self.roofline_svg()? {
            files.push(("roofline.svg", roofline));
        }
        files.push(("scale.html", self.html()?));
        Ok(files)
    }

    /// The picture of speed-up and efficiency, as SVG.
    ///
    /// # Errors
    ///
    /// If it cannot be drawn.
    pub fn scale_svg(&self) -> Result<String, FileError> {
        picture::scale_svg(self).map_err(|error| FileError(error.to_string()))
    }

    /// The picture of the roofline model, as SVG; none if no workload's operations are known.
    ///
    /// # Errors
    ///
    /// If it cannot be drawn.
    pub fn roofline_svg(&self) -> Result<Option<String>, FileError> {
        picture::roofline_svg(self).map_err(|error| FileError(error.to_string()))
    }

    /// A page with all of it, pictures included, that needs no other file.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn html(&self) -> Result<String, FileError> {
        scale_html(self).map_err(|error| FileError(error.to_string()))
    }

    /// The whole study, every sample included.
    ///
    /// # Errors
    ///
    /// If it cannot be written as JSON.
    pub fn to_json(&self) -> Result<String, FileError> {
        let text = serde_json::to_string_pretty(self);
        Ok(text.map_err(|error| FileError(error.to_string()))? + "\n")
    }

    /// Reads what [`to_json`](Results::to_json) has written.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is no study, or one of another version.
    pub fn read(path: impl AsRef<Path>) -> Result<Results, FileError> {
        let path = path.as_ref();
        let failed = |reason: String| FileError(format!("{}: {reason}", path.display()));
        let text = crate::batch::read_text(path, TEXT_MAX).map_err(&failed)?;
        Results::from_json(&text).map_err(|FileError(reason)| failed(reason))
    }

    /// Reads the text of a study.
    ///
    /// # Errors
    ///
    /// If it is none, or one of another version.
    pub fn from_json(text: &str) -> Result<Results, FileError> {
        #[derive(serde::Deserialize)]
        struct Versioned {
            schema: String,
        }
        let versioned: Versioned = serde_json::from_str(text)
            .map_err(|error| FileError(format!("this is no scale.json: {error}")))?;
        if versioned.schema != SCHEMA {
            let found = versioned.schema;
            return Err(FileError(format!("this is `{found}`, and `{SCHEMA}` is read here")));
        }
        let read: Result<Results, _> = serde_json::from_str(text);
        let results =
            read.map_err(|error| FileError(format!("this is no whole scale.json: {error}")))?;
        results.checked()
    }

    /// Refuses what no study writes, and what would be divided by 0 later.
    fn checked(self) -> Result<Results, FileError> {
        let Method { precision, .. } = self.method;
        if !(0.0..1.0).contains(&precision) {
            return Err(FileError(format!("a precision of {precision} is no part of anything")));
        }
        for Roof { workers, read_bytes_per_s, triad_bytes_per_s, flops_per_s } in &self.roofs {
            let rates = [read_bytes_per_s, triad_bytes_per_s, flops_per_s];
            if !rates.iter().all(|rate| (1.0..1e30).contains(*rate)) {
                return Err(FileError(format!("the roof of {workers} workers is none")));
            }
        }
        for curve in &self.curves {
            if curve.points.is_empty() {
                return Err(FileError(format!("the curve of {} has no points", curve.subject)));
            }
            for point in &curve.points {
                let is_time = |time: &f64| (1e-12..1e9).contains(time);
                let samples = &point.samples_s;
                if samples.is_empty() || !samples.iter().all(is_time) || point.workers == 0 {
                    let (name, workers) = (&curve.subject, point.workers);
                    return Err(FileError(format!(
                        "the times of {name} with {workers} workers are not all above 0, or of sense"
                    )));
                }
            }
        }
        Ok(self)
    }
}

impl Comparison {
    /// The picture of the differences, as SVG.
    ///
    /// # Errors
    ///
    /// If it cannot be drawn.
    pub fn svg(&self) -> Result<String, FileError> {
        picture::comparison_svg(self).map_err(|error| FileError(error.to_string()))
    }

    /// Writes compare.svg into a folder, which is created if it is missing.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<(), FileError> {
        save(folder.as_ref(), "compare", &[("compare.svg", self.svg()?)])
    }
}

/// Writes texts into a folder, which is created if it is missing, each whole or not at all.
fn save(folder: &Path, what: &str, files: &[(&'static str, String)]) -> Result<(), FileError> {
    let failed = |error: &dyn std::fmt::Display| FileError(error.to_string());
    let folder = OutputFolder::open(folder, what, false).map_err(|error| failed(&error))?;
    for (name, text) in files {
        let path = OutputPath::new(name).map_err(|error| failed(&error))?;
        let mut file = folder.create(&path).map_err(|error| failed(&error))?;
        file.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
        file.finish().map_err(|error| failed(&error))?;
    }
    folder.finish().map_err(|error| failed(&error))
}
