//! Jobs that are right.

use super::fixture::{Kernels, Place};
use crate::batch::{CheckError, Source, Wanted, check_file};
use crate::memory::ElementType;
use crate::report::Palette;

const JOB: &str = r#"
format = 1
name = "terrain"

[inputs.elevation]
file = "small.npy"
cast = "f64"
nodata = -32768
cell = [92.6, 74.4]

[steps.summary]
in = ["slope", "shade"]

[steps.shade]
kernel = "hillshade"
in = { map = "elevation" }
params = { azimuth = 300 }
save = "maps/shade.npy"
picture = "grey"

[steps.slope]
in = "elevation"
picture = "viridis"

[steps.histogram]
in = "slope"
params = { range = [0, 1.5] }
save = "histogram.npy"
"#;

#[test]
fn a_good_job_is_resolved_completely() {
    let place = Place::new();
    let job = place.check(JOB).unwrap_or_else(|errors| panic!("{}", errors.plain()));
    let input = &job.inputs[0];
    assert_eq!((input.header.element, input.meta.element), (ElementType::I16, ElementType::F64));
    assert_eq!((input.cast, input.nodata), (Some(ElementType::F64), Some(-32768.0)));
    assert_eq!(input.path, place.path().join("small.npy").canonicalize().unwrap());

    let names: Vec<&str> = job.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["shade", "slope", "summary", "histogram"]);
    let [shade, slope, summary, histogram] = job.steps.as_slice() else { panic!() };
    assert_eq!(shade.params["azimuth"], 300.0.into());
    assert_eq!(shade.params["method"], "horn".into());
    assert_eq!(shade.picture, Some((Palette::Grey, "maps/shade.png".parse_output())));
    assert_eq!(slope.picture, Some((Palette::Viridis, "slope.png".parse_output())));
    assert_eq!(slope.result.as_ref().unwrap().cell, Some([92.6, 74.4]));
    assert_eq!(shade.runs[0][0].source, Source::Input(0));
    assert!(summary.each && summary.result.is_none());
    let read: Vec<Source> = summary.runs.iter().map(|run| run[0].source).collect();
    assert_eq!(read, [Source::Step(1), Source::Step(0)]);
    assert_eq!(histogram.result.as_ref().unwrap().shape, [256]);
    let outputs: Vec<&str> = job.outputs.iter().map(|path| path.as_str()).collect();
    assert_eq!(
        outputs,
        ["maps/shade.npy", "maps/shade.png", "slope.png", "histogram.npy", "report.json"]
    );
}

trait ParseOutput {
    fn parse_output(self) -> crate::batch::OutputPath;
}

impl ParseOutput for &str {
    fn parse_output(self) -> crate::batch::OutputPath {
        crate::batch::OutputPath::new(self).unwrap()
    }
}

#[test]
fn results_go_under_the_current_folder_by_default() {
    let place = Place::new();
    let path = place.file("job.toml", JOB.as_bytes());
    let job = check_file(&path, Wanted::default(), &Kernels).unwrap();
    assert_eq!(job.folder.to_str(), Some("out/terrain"));
}

#[test]
fn job_files_that_cannot_be_read_say_why() {
    let place = Place::new();
    let reason =
        |name: &str| match check_file(&place.path().join(name), Wanted::default(), &Kernels) {
            Err(CheckError::Unreadable { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
    place.file("latin.toml", b"name = \"\xe4\"");
    place.file("long.toml", &vec![b'\n'; (1 << 20) + 1]);
    assert!(reason("none.toml").contains("No such file"));
    assert!(reason("").contains("not a regular file"));
    assert_eq!(reason("latin.toml"), "it is not UTF-8 text (byte 8)");
    assert!(reason("long.toml").contains("longer than 1048576 bytes"));
}

#[test]
fn mistakes_are_drawn_under_the_text() {
    let place = Place::new();
    let text = JOB.replace("[steps.slope]", "[steps.slop]").replace("\"slope\"", "\"slop\"");
    let errors = place.check(&text).unwrap_err();
    let mut drawn = String::new();
    miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor())
        .render_report(&mut drawn, &errors)
        .unwrap();
    assert!(drawn.contains("1 mistake; nothing was started"), "{drawn}");
    assert!(drawn.contains("unknown kernel `slop`, did you mean `slope`?"), "{drawn}");
    assert!(drawn.contains("job.toml:21:8"), "{drawn}");
    assert!(drawn.contains("[steps.slop]"), "{drawn}");
}
