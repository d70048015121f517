//! The job file that `gristmill init` prints: commented, for one array, and right as it stands.
//!
//! It is made from the array's header and from the kernels that there are, so every program's own
//! kernels show up in it. It only makes text: opening the file and printing are the command's.

use crate::batch::{
    ArrayMeta, Catalogue, FORMAT, KernelInfo, NamedMeta, ResultKind, is_name, shape_in_jobs,
};
use crate::memory::{ElementType, NpyHeader};

/// Steps that yield arrays, at most: enough to see how it goes.
const ARRAY_STEPS_MAX: usize = 2;

/// A job for the array in `file` (the path as it shall stand in the job file, with the file's
/// header), or for an array that is yet to be named.
pub(crate) fn starting_job(file: Option<(&str, &NpyHeader)>, catalogue: &dyn Catalogue) -> String {
    let kernels = catalogue.kernels();
    let array = array_name(file.map_or("data.npy", |(path, _)| path), &kernels);
    let on_disk = file.map_or(ElementType::F64, |(_, header)| header.element);
    let meta = ArrayMeta {
        shape: file.map_or(vec![1000, 1000], |(_, header)| shape_in_jobs(header)),
        element: if on_disk.is_complex() { on_disk } else { ElementType::F64 },
        cell: None,
    };
    let mut text = format!(
        "# A job for gristmill. Check it with `gristmill check`, run it with `gristmill run`;\n\
         # `gristmill kernels` lists what steps can do.\n\
         format = {FORMAT}\n\
         name = \"{array}\"  # results go to out/{array}\n"
    );
    text.push_str(&input_table(file, &array, on_disk, &meta));
    let fitting = |meta: &ArrayMeta| -> Vec<(&KernelInfo, toml::Table)> {
        let with_defaults =
            |kernel| Some((kernel, defaults_if_fitting(kernel, &array, meta, catalogue)?));
        kernels.iter().filter_map(with_defaults).collect()
    };
    let now = fitting(&meta);
    let any_takes_it = kernels.iter().any(|kernel| takes(kernel, &meta));
    text.push_str(&step_tables(&now, &array, &meta, any_takes_it));
    if meta.shape.len() == 2 && meta.element.is_float() {
        let mut once_a_map = fitting(&ArrayMeta { cell: Some([30.0, 30.0]), ..meta });
        once_a_map.retain(|(kernel, _)| now.iter().all(|(other, _)| other.name != kernel.name));
        text.push_str(&step_of_a_map(&once_a_map, &array));
    }
    text
}

/// The first kernel that needs the size of the cells, as a comment, and the names of the others.
fn step_of_a_map(fitting: &[(&KernelInfo, toml::Table)], array: &str) -> String {
    let Some(((first, _), others)) = fitting.split_first() else { return String::new() };
    let name = &first.name;
    let others: Vec<&str> = others.iter().map(|(kernel, _)| kernel.name.as_str()).collect();
    let others = match others.is_empty() {
        true => String::new(),
        false => format!(" Others: {}.", others.join(", ")),
    };
    format!(
        "\n# If it is a map and you give `cell` above, this works as well.{others}\n\
         # [steps.{name}]  # {}\n# in = \"{array}\"\n# save = \"{name}.npy\"\n\
         # picture = \"viridis\"\n",
        one_line(&first.summary)
    )
}

/// A name for the array: the file's, if it can be one and no step wants it.
fn array_name(path: &str, kernels: &[KernelInfo]) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.strip_suffix(".npy").unwrap_or(file);
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }
    };
    let name: String = stem.chars().take(60).map(plain).collect();
    let name = name.trim_start_matches(['_', '-']).to_string();
    let free = |name: &str| is_name(name) && kernels.iter().all(|kernel| kernel.name != name);
    let candidates = [name.clone(), "data".to_string(), format!("{name}_0"), "data_0".to_string()];
    candidates.into_iter().find(|name| free(name)).unwrap_or_else(|| "array_0".to_string())
}

fn input_table(
    file: Option<(&str, &NpyHeader)>,
    array: &str,
    on_disk: ElementType,
    meta: &ArrayMeta,
) -> String {
    let mut text = format!("\n[inputs.{array}]");
    match file {
        Some((path, header)) => {
            let shape = ArrayMeta { shape: shape_in_jobs(header), element: on_disk, cell: None };
            let layout = header.describe_layout();
            let layout = layout.map_or(String::new(), |layout| format!(" (in the file: {layout})"));
            let path = toml::Value::String(path.to_string());
            text += &format!(
                "  # {}{layout}\nfile = {path}  # absolute, or relative to this job file\n",
                shape.describe()
            );
        }
        None => {
            text += "\nfile = \"data.npy\"  # your array; absolute, or relative to this job file\n"
        }
    }
    if meta.element != on_disk {
        text += &format!(
            "cast = \"{}\"  # kernels compute with it; the file stays as it is\n",
            meta.element
        );
    }
    if meta.element.is_float() {
        // The marks for "no value" that are most in use.
        let usual = match on_disk.integer_range() {
            Some((low, _)) if low <= -32768 => "-32768",
            Some((_, 255)) => "255",
            Some((_, 127)) => "-128",
            Some(_) => "65535",
            None => "-9999",
        };
        text +=
            &format!("# nodata = {usual}  # the value that means \"no value\"; it becomes NaN\n");
    }
    if meta.shape.len() == 2 {
        text += "# cell = [30.0, 30.0]  # metres per row and per column, if it is a map\n";
    }
    text
}

/// The kernel's default parameters, if it can run on this array alone and without being told more.
fn defaults_if_fitting(
    kernel: &KernelInfo,
    array: &str,
    meta: &ArrayMeta,
    catalogue: &dyn Catalogue,
) -> Option<toml::Table> {
    let [input] = kernel.inputs.as_slice() else {
        return None;
    };
    if !takes(kernel, meta) || !is_name(&kernel.name) {
        return None;
    }
    let defaults =
        kernel.params.iter().map(|param| Some((param.name.clone(), param.default.clone()?)));
    let params: toml::Table = defaults.collect::<Option<_>>()?;
    let named =
        NamedMeta { input: input.name.clone(), array: array.to_string(), meta: meta.clone() };
    catalogue.prepare(&kernel.name, &params, &[named]).ok()?;
    Some(params)
}

/// Whether one of the kernel's inputs takes such an array.
fn takes(kernel: &KernelInfo, meta: &ArrayMeta) -> bool {
    kernel.inputs.iter().any(|input| {
        let ndim_fits = input.ndim.is_none_or(|ndim| ndim == meta.shape.len());
        ndim_fits && (input.elements.is_empty() || input.elements.contains(&meta.element))
    })
}

fn step_tables(
    fitting: &[(&KernelInfo, toml::Table)],
    array: &str,
    meta: &ArrayMeta,
    any_takes_it: bool,
) -> String {
    let yields_scalars = |kernel: &KernelInfo| kernel.result == ResultKind::Scalars;
    let (scalars, arrays): (Vec<_>, Vec<_>) =
        fitting.iter().partition(|(kernel, _)| yields_scalars(kernel));
    let shown: Vec<_> = arrays.iter().take(ARRAY_STEPS_MAX).chain(scalars.first()).collect();
    let mut text = String::new();
    for (kernel, params) in &shown {
        text += &format!("\n[steps.{}]  # {}\n", kernel.name, one_line(&kernel.summary));
        text += &format!("in = \"{array}\"\n");
        if !params.is_empty() {
            for param in &kernel.params {
                text +=
                    &format!("# {}: {} ({})\n", param.name, one_line(&param.doc), param.describe());
            }
            let pairs: Vec<String> = kernel
                .params
                .iter()
                .filter_map(|param| Some(format!("{} = {}", param.name, params.get(&param.name)?)))
                .collect();
            text += &format!("params = {{ {} }}\n", pairs.join(", "));
        }
        if !yields_scalars(kernel) {
            text += &format!("save = \"{}.npy\"\n", kernel.name);
            if meta.shape.len() == 2
                && meta.element.is_float()
                && kernel.result == ResultKind::Array
            {
                text +=
                    "# picture = \"viridis\"  # or \"grey\", \"magma\": a PNG of a 2-D result\n";
            }
        }
    }
    if shown.is_empty() {
        let unless = match any_takes_it {
            true => "this array without being told more".to_string(),
            false => format!("an array of {}", meta.describe()),
        };
        text += &format!(
            "\n# No kernel takes {unless}; `gristmill kernels` lists them.\n\
             # [steps.NAME]\n# kernel = \"…\"\n# in = \"{array}\"\n# save = \"NAME.npy\"\n"
        );
    }
    let others: Vec<&str> = fitting
        .iter()
        .map(|(kernel, _)| kernel.name.as_str())
        .filter(|name| shown.iter().all(|(kernel, _)| kernel.name != *name))
        .collect();
    if !others.is_empty() {
        text += &format!("\n# Others that take this array: {}.\n", others.join(", "));
    }
    text
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::fixture::{Kernels, Place, npy};

    fn job_for(place: &Place, name: &str) -> String {
        let (_, header) = NpyHeader::open(&place.path().join(name)).unwrap();
        starting_job(Some((name, &header)), &Kernels)
    }

    #[test]
    fn the_job_is_right_as_it_stands() {
        let place = Place::new();
        place.file("slope.npy", &npy("<c8", "(3, 4)", 96));
        place.file("_5 \"ö\".npy", &npy("|u1", "(3, 4, 2)", 24));
        for name in ["map.npy", "small.npy", "row.npy", "slope.npy", "_5 \"ö\".npy"] {
            let text = job_for(&place, name);
            let job = place.check(&text);
            assert!(job.is_ok(), "{text}\n{}", job.unwrap_err().plain());
        }
    }

    #[test]
    fn it_says_what_the_file_holds() {
        let place = Place::new();
        let text = job_for(&place, "small.npy");
        for part in [
            "format = 1\nname = \"small\" ",
            "[inputs.small]  # 3 x 4 i16\nfile = \"small.npy\"",
            "cast = \"f64\"",
            "# nodata = -32768",
            "# cell = [30.0, 30.0]",
            "[steps.slope]  # made up\nin = \"small\"\nsave = \"slope.npy\"\n# picture",
            "params = { azimuth = 315.0, method = \"horn\" }",
            "[steps.summary]",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        let commented_in = text
            .replace("# nodata", "nodata")
            .replace("# cell", "cell")
            .replace("# picture", "picture");
        assert!(place.check(&commented_in).is_ok(), "{}", place.mistakes(&commented_in));
    }

    #[test]
    fn an_array_that_no_kernel_takes_is_said_to_be_one() {
        let place = Place::new();
        let (_, header) = NpyHeader::open(&place.path().join("map.npy")).unwrap();
        let text = starting_job(Some(("map.npy", &header)), &crate::batch::Registry::new());
        assert!(text.contains("# No kernel takes an array of 3 x 4 f64; `gristmill k"), "{text}");
    }

    #[test]
    fn without_a_file_it_lacks_nothing_but_the_file() {
        let place = Place::new();
        let text = starting_job(None, &Kernels);
        let mistakes = place.mistakes(&text);
        assert!(
            mistakes.lines().count() == 1 && mistakes.contains("there is no file"),
            "{mistakes}"
        );
        place.file("data.npy", &npy("<f8", "(3, 4)", 96));
        assert!(place.check(&text).is_ok(), "{}", place.mistakes(&text));
    }
}
