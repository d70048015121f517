//! Every mistake in the job's text, its names and its wiring.

use super::fixture::{Place, npy};

/// Asserts that `rest`, after a good start, has exactly these mistakes, each given by how its line
/// begins.
#[track_caller]
fn refused(rest: &str, begins: &[&str]) {
    let mistakes = Place::new().mistakes_after_start(rest);
    let lines: Vec<&str> = mistakes.lines().collect();
    let all_match = lines.iter().zip(begins).all(|(line, begin)| line.starts_with(begin));
    assert!(all_match && lines.len() == begins.len(), "{rest}\ngave\n{mistakes}not\n{begins:#?}");
}

#[test]
fn what_is_no_toml_is_refused_at_its_place() {
    let mistakes = Place::new().mistakes("format = 1\nname = \n");
    assert!(mistakes.starts_with("2:8: this is not TOML: "), "{mistakes}");
}

#[test]
fn a_key_given_twice_is_named() {
    refused("[steps.slope]\nin = \"map\"\nin = \"map\"\n", &["3:1: `in` is there twice"]);
}

#[test]
fn the_start_of_the_file_is_wanted() {
    let mistakes = Place::new().mistakes("");
    for missing in ["`format` is missing", "`name` is missing", "the job has no steps"] {
        assert!(mistakes.contains(&format!("1:1: {missing}")), "{mistakes}");
    }
    let mistakes = Place::new().mistakes("format = 2\nname = \"a/b\"\nsteps = 3\ninputs = []");
    let begins = [
        "1:10: this version of the job format is not known; expected 1; a newer",
        "2:8: the job cannot be called \"a/b\"",
        "3:9: `steps` is a whole number; expected tables",
        "4:10: `inputs` is a list; expected tables",
    ];
    for (line, begin) in mistakes.lines().zip(begins) {
        assert!(line.starts_with(begin), "{mistakes}");
    }
    assert_eq!(mistakes.lines().count(), 4, "{mistakes}");
}

#[test]
fn unknown_keys_name_the_nearest() {
    refused(
        "[inputs.row]\nfile = \"row.npy\"\nno_data = 1\n[steps.slope]\nin = \"map\"\nsav = \"a.npy\"\nzebra = 1",
        &[
            "3:1: input `row`: unknown key `no_data`, did you mean `nodata`?; expected `file`, `cast`",
            "6:1: step `slope`: unknown key `sav`, did you mean `save`?",
            "7:1: step `slope`: unknown key `zebra`; expected `kernel`, `in`, `params`, `save`, `picture` or `deadline`",
        ],
    );
}

#[test]
fn limits_are_times_and_sizes() {
    let mistakes = Place::new().mistakes(
        "format = 1\nname = \"t\"\ndeadline = 30\nworker_memory = \"2\"\n[inputs.map]\nfile = \"map.npy\"\n\
         [steps.slope]\nin = \"map\"\ndeadline = \"soon\"\n",
    );
    for said in [
        "3:12: `deadline` is a whole number; expected a time in quotes, such as \"30s\"",
        "4:17: `worker_memory`: \"2\" has no unit; write for example 2GiB",
        "9:12: `deadline`: \"soon\" does not begin with a number; write for example 30s",
    ] {
        assert!(mistakes.contains(said), "{said} is not in {mistakes}");
    }
}

#[test]
fn reserved_words_have_an_answer_of_their_own() {
    refused(
        "[steps.slope]\nin = \"map\"\nexpr = 1\nuntil = 1\nmax_sweeps = 1\nstream = 1\ncommand = 1\n[sweep]\na = 1",
        &[
            "3:1: `expr` is reserved for a later version of the format; this one knows `kernel`, `in`",
            "4:1: `until` is reserved",
            "5:1: `max_sweeps` is reserved",
            "6:1: `stream` is reserved",
            "7:1: `command` is reserved",
            "8:2: `sweep` is reserved for a later version of the format; this one knows `format`, `name`",
        ],
    );
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    refused(
        "[inputs.row]\nfile = 1\ncast = \"f46\"\nnodata = \"x\"\ncell = [1]\n\
         [steps.slope]\nin = 3\nkernel = true\nparams = 1\nsave = []\npicture = \"viridiss\"",
        &[
            "2:8: `file` is a whole number; expected a path in quotes",
            "3:8: unknown element type `f46`, did you mean `f64`?",
            "4:10: `nodata` is text; expected a number",
            "5:8: `cell` is not the size of a cell; expected [metres per row",
            "7:6: `in` is a whole number; expected an array's name",
            "8:10: `kernel` is a truth value",
            "9:10: `params` is a whole number; expected a table",
            "10:8: `save` is a list",
            "11:11: unknown picture `viridiss`, did you mean `viridis`?; expected `grey`, `viridis` or `magma`",
        ],
    );
}

#[test]
fn unknown_kernels_and_arrays_name_the_nearest() {
    refused(
        "[steps.slop]\nin = \"map\"\n[steps.a]\nkernel = \"hilshade\"\nin = \"mapp\"\n[steps.slope]\nin = \"slop\"\n\
         [steps.histogram]\nin = \"nothing\"\nparams = { range = [0, 1] }",
        &[
            "1:8: unknown kernel `slop`, did you mean `slope`?; expected `slope`, `hillshade`",
            "4:10: unknown kernel `hilshade`, did you mean `hillshade`?",
            "5:6: unknown array `mapp`, did you mean `map`?",
            "9:6: unknown array `nothing`; expected `map`, `slop`, `a`, `slope` or `histogram`",
        ],
    );
}

#[test]
fn parameters_are_checked_by_name_and_type() {
    refused(
        "[steps.hillshade]\nin = \"map\"\nparams = { azimut = 1, method = \"horne\" }\n\
         [steps.histogram]\nin = \"map\"\nparams = { bins = 2.5, range = [0, \"x\"] }\n\
         [steps.h]\nkernel = \"histogram\"\nin = \"map\"\n\
         [steps.i]\nkernel = \"histogram\"\nin = \"map\"\nparams = { bins = 0, range = [0, 1] }\n\
         [steps.j]\nkernel = \"histogram\"\nin = \"map\"\nparams = { range = [0] }\n",
        &[
            "3:12: kernel `hillshade`: unknown parameter `azimut`, did you mean `azimuth`?",
            "3:33: parameter `method` of `hillshade` is \"horne\", did you mean \"horn\"?; expected one of \"horn\"",
            "6:19: parameter `bins` of `histogram` is the number 2.5; expected a whole number",
            "6:32: parameter `range` of `histogram` is a list that holds the text \"x\"; expected a list of 2",
            "7:8: kernel `histogram` lacks its parameter `range`",
            "13:19: step `i`: `bins` must be at least 1; change it",
            "17:20: parameter `range` of `histogram` is a list of 1; expected a list of 2, each a number",
        ],
    );
}

#[test]
fn arrays_must_fit_their_kernel() {
    refused(
        "[inputs.row]\nfile = \"row.npy\"\n[inputs.small]\nfile = \"small.npy\"\n\
         [steps.slope]\nin = \"row\"\n[steps.hillshade]\nin = \"small\"\n\
         [steps.axpy]\nin = { x = \"map\", y = \"row\" }",
        &[
            "6:6: kernel `slope` takes an array of 2 dimensions, `row` is 5 f64; expected 2-D",
            "8:6: kernel `hillshade` does not take i16, and `small` is 3 x 4 i16; expected `f64`; \
             add `cast = \"f64\"` to [inputs.small]",
            "10:23: step `axpy`: `y` has another shape than `x`",
        ],
    );
}

#[test]
fn inputs_of_a_kernel_must_be_given_by_name() {
    refused(
        "[steps.axpy]\nin = \"map\"\n[steps.b]\nkernel = \"axpy\"\nin = { x = \"map\", z = \"map\" }\n\
         [steps.slope]\n[steps.d]\nkernel = \"axpy\"\nin = {}\n[steps.lost]\nin = \"map\"\n\
         [steps.e]\nkernel = \"slope\"\nin = []",
        &[
            "2:6: kernel `axpy` takes 2 arrays: x, y; `in` names one array; expected { x = \"…\", y = \"…\" }",
            "5:6: kernel `axpy` lacks its input `y`",
            "5:19: kernel `axpy`: unknown input `z`; expected `x` or `y`",
            "6:8: step `slope` names no array to work on; `in` is missing",
            "9:6: `in` names no array",
            "11:6: kernel `lost` takes no array; `in` names one array",
            "14:6: `in` names no array",
        ],
    );
}

#[test]
fn lists_are_for_scalars_and_scalars_are_no_arrays() {
    refused(
        "[steps.slope]\nin = [\"map\", \"map\"]\n[steps.summary]\nin = \"map\"\n\
         [steps.hillshade]\nin = \"summary\"\n[steps.s]\nkernel = \"summary\"\nin = [\"map\", \"map\"]",
        &[
            "2:6: step `slope` lists several arrays, and its kernel yields an array; expected one array",
            "2:14: `map` is listed twice",
            "6:6: step `summary` has no array: the result of `summary` is scalars; expected `map`",
            "9:14: `map` is listed twice",
        ],
    );
}

#[test]
fn circles_are_named() {
    refused(
        "[steps.a]\nkernel = \"slope\"\nin = \"b\"\n[steps.b]\nkernel = \"slope\"\nin = \"c\"\n\
         [steps.c]\nkernel = \"slope\"\nin = \"a\"\n[steps.slope]\nin = \"slope\"\n\
         [steps.after]\nkernel = \"slope\"\nin = \"a\"",
        &[
            "3:6: the steps go round in a circle: `a` reads `b` reads `c` reads `a`",
            "11:6: `slope` reads its own result",
        ],
    );
}

#[test]
fn one_name_is_one_thing() {
    refused(
        "[steps.map]\nkernel = \"slope\"\nin = \"map\"\n[steps.\"a b\"]\nkernel = \"slope\"\nin = \"map\"",
        &["1:8: `map` is both an input and a step", "4:8: a step cannot be called \"a b\""],
    );
}

#[test]
fn input_files_are_looked_at() {
    let place = Place::new();
    place.file("text.npy", b"hello");
    place.file("short.npy", &npy("<f8", "(3, 4)", 95));
    std::fs::create_dir(place.path().join("folder.npy")).unwrap();
    let mistakes = place.mistakes_after_start(
        "[inputs]\na.file = \"none.npy\"\nb.file = \"text.npy\"\nc.file = \"short.npy\"\nd.file = \"folder.npy\"\n\
         [steps.slope]\nin = \"map\"",
    );
    // `inputs` is begun by the start that the test prepends; TOML refuses to open it again.
    assert!(mistakes.contains("inputs"), "{mistakes}");
    let mistakes = place.mistakes_after_start(
        "inputs.a.file = \"none.npy\"\ninputs.b.file = \"text.npy\"\ninputs.c.file = \"short.npy\"\n\
         inputs.d.file = \"folder.npy\"\nsteps.slope.in = \"a\"",
    );
    let lines: Vec<&str> = mistakes.lines().collect();
    assert!(lines[0].starts_with("1:17: input `a`: there is no file "), "{mistakes}");
    assert!(lines[1].starts_with("2:17: input `b`: this is not a .npy file"), "{mistakes}");
    assert!(lines[2].starts_with("3:17: input `c`: the file is cut short"), "{mistakes}");
    assert!(lines[3].starts_with("4:17: input `d`: "), "{mistakes}");
    assert!(lines[3].contains("is not a regular file"), "{mistakes}");
    assert_eq!(lines.len(), 4, "{mistakes}");
}

#[test]
fn casts_and_missing_values_must_be_possible() {
    refused(
        "[inputs.a]\nfile = \"map.npy\"\ncast = \"i16\"\n[inputs.b]\nfile = \"small.npy\"\nnodata = -1\n\
         [inputs.c]\nfile = \"small.npy\"\ncast = \"f64\"\nnodata = -32769\n\
         [inputs.d]\nfile = \"row.npy\"\ncell = [1, 1]\n[inputs.e]\nfile = \"map.npy\"\nnodata = 9007199254740993\n\
         [steps.slope]\nin = \"map\"",
        &[
            "3:8: input `a` cannot be cast: f64 has fractions and NaN, i16 has neither",
            "6:10: `nodata` becomes NaN, and i16 has no NaN; expected an array of f32 or f64; add `cast = \"f64\"`",
            "10:10: `nodata` is -32769, which no element of this file can be",
            "13:8: `cell` is for maps",
            "16:10: `nodata` is 9007199254740993, which f64 does not hold exactly",
        ],
    );
}

#[test]
fn a_registration_that_contradicts_itself_is_reported() {
    refused("[steps.lost]", &["1:8: kernel `lost` is not what the catalogue says it is"]);
}
