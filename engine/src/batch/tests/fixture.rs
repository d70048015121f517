//! A folder with small arrays in it, and a catalogue of made-up kernels, for the other tests.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::batch::{
    ArrayMeta, At, Catalogue, CheckedJob, InputInfo, JobErrors, KernelInfo, NamedMeta, ParamInfo,
    ParamType, Prepared, Refusal, ResultKind, Wanted, check_text,
};
use crate::memory::ElementType;

/// Kernels of every kind that the check tells apart.
pub(crate) struct Kernels;

fn input(name: &str, ndim: Option<usize>, elements: &[ElementType]) -> InputInfo {
    InputInfo { name: name.into(), ndim, elements: elements.into(), access: "rows" }
}

fn param(name: &str, default: Option<toml::Value>, ty: ParamType) -> ParamInfo {
    ParamInfo { name: name.into(), default, ty, bounds: None, doc: "made up".into() }
}

impl Catalogue for Kernels {
    fn kernels(&self) -> Vec<KernelInfo> {
        let kernel = |name: &str, inputs, params, result| KernelInfo {
            name: name.into(),
            summary: "made up".into(),
            inputs,
            params,
            result,
        };
        let map = || vec![input("map", Some(2), &[ElementType::F64])];
        let any = |name| input(name, None, &[]);
        let azimuth = param("azimuth", Some(315.0.into()), ParamType::Number);
        let method = ["horn", "zevenbergen"].map(String::from).into();
        let method = param("method", Some("horn".into()), ParamType::Choice(method));
        let range = ParamType::List(Box::new(ParamType::Number), Some(2));
        let range = param("range", None, range);
        let bins = param("bins", Some(256.into()), ParamType::Integer);
        vec![
            kernel("slope", map(), vec![], ResultKind::Array),
            kernel("hillshade", map(), vec![azimuth, method], ResultKind::Array),
            kernel("histogram", vec![any("values")], vec![bins, range], ResultKind::Both),
            kernel("summary", vec![any("values")], vec![], ResultKind::Scalars),
            kernel("axpy", vec![any("x"), any("y")], vec![], ResultKind::Array),
            kernel("lost", vec![], vec![], ResultKind::Array),
        ]
    }

    fn prepare(
        &self,
        kernel: &str,
        params: &toml::Table,
        inputs: &[NamedMeta],
    ) -> Result<Prepared, Vec<Refusal>> {
        let made = |result| Ok(Prepared { result, chunks: 1, spare_bytes: 0 });
        let refuse = |at, message: &str| {
            Err(vec![Refusal { at, message: message.into(), help: Some("change it".into()) }])
        };
        match kernel {
            "summary" | "lost" => made(None),
            "histogram" => match params["bins"].as_integer() {
                Some(bins @ 1..) => made(Some(ArrayMeta {
                    shape: vec![bins as usize],
                    element: ElementType::U64,
                    cell: None,
                })),
                _ => refuse(At::Params(vec!["bins".into()]), "`bins` must be at least 1"),
            },
            "axpy" if inputs[0].meta.shape != inputs[1].meta.shape => {
                refuse(At::Input("y".into()), "`y` has another shape than `x`")
            }
            _ => made(Some(inputs[0].meta.clone())),
        }
    }
}

/// A folder of its own, with `map.npy` (3 x 4 f64), `row.npy` (5 f64) and `small.npy` (3 x 4 i16).
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        let place = Place { folder: TempDir::new().unwrap() };
        place.file("map.npy", &npy("<f8", "(3, 4)", 96));
        place.file("row.npy", &npy("<f8", "(5,)", 40));
        place.file("small.npy", &npy("<i2", "(3, 4)", 24));
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The folder that results go to.
    pub(crate) fn out(&self) -> PathBuf {
        self.path().join("out")
    }

    pub(crate) fn check(&self, text: &str) -> Result<CheckedJob, JobErrors> {
        check_text(
            text,
            &self.path().join("job.toml"),
            Wanted { folder: Some(&self.out()), fence: false },
            &Kernels,
        )
    }

    /// The mistakes of a job that has some, one line each, without the job file's path:
    /// `line:column: message; …`.
    pub(crate) fn mistakes(&self, text: &str) -> String {
        let errors = self.check(text).expect_err("this job should have been refused");
        errors.plain().replace(&format!("{}:", errors.path), "")
    }

    /// The mistakes of `[inputs]` and `[steps]` that follow a good start; line 1 is the first of
    /// `rest`'s.
    pub(crate) fn mistakes_after_start(&self, rest: &str) -> String {
        let start = "format = 1; name = \"t\"; inputs.map.file = \"map.npy\"".replace("; ", "\n");
        let mistakes = self.mistakes(&format!("{start}\n{rest}"));
        let renumbered = mistakes.lines().map(|line| match line.split_once(':') {
            Some((number, rest)) => match number.parse::<usize>() {
                Ok(number) => format!("{}:{rest}\n", number as i64 - 3),
                Err(_) => format!("{line}\n"),
            },
            None => format!("{line}\n"),
        });
        renumbered.collect()
    }
}

/// A .npy file of version 1.0 with zeros for data.
pub(crate) fn npy(descr: &str, shape: &str, data_bytes: usize) -> Vec<u8> {
    npy_of(
        &format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"),
        data_bytes,
    )
}

/// The same, with any header.
pub(crate) fn npy_of(header: &str, data_bytes: usize) -> Vec<u8> {
    let mut header = header.as_bytes().to_vec();
    while !(10 + header.len() + 1).is_multiple_of(64) {
        header.push(b' ');
    }
    header.push(b'\n');
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header);
    file.extend(vec![0; data_bytes]);
    file
}
