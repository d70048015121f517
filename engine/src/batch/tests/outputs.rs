//! Mistakes in what a job writes.

use std::os::unix::fs::symlink;

use super::fixture::{Kernels, Place};
use crate::batch::{Wanted, check_text};

const START: &str = "format = 1\nname = \"t\"\ninputs.map.file = \"map.npy\"\n";

#[track_caller]
fn refused_in(place: &Place, rest: &str, parts: &[&str]) {
    let mistakes = place.mistakes_after_start(rest);
    for part in parts {
        assert!(mistakes.contains(part), "{rest}\ngave\n{mistakes}not\n{part}");
    }
    assert_eq!(mistakes.lines().count(), parts.len(), "{mistakes}");
}

#[test]
fn saved_files_stay_in_the_folder() {
    let mut rest = String::new();
    for (at, save) in
        ["/tmp/a.npy", "../a.npy", "a/../b.npy", "a//b.npy", ".a.npy", "report.json", "a.txt", ""]
            .iter()
            .enumerate()
    {
        rest += &format!("[steps.s{at}]\nkernel = \"slope\"\nin = \"map\"\nsave = \"{save}\"\n");
    }
    refused_in(
        &Place::new(),
        &rest,
        &[
            "4:8: `save`: `/tmp/a.npy` is absolute; results stay in the output folder",
            "8:8: `save`: `../a.npy` contains `..`",
            "12:8: `save`: `a/../b.npy` contains `..`",
            "16:8: `save`: `a//b.npy` has an empty component",
            "20:8: `save`: `.a.npy` has a component that begins with a dot",
            "24:8: `report.json` is written by the engine itself",
            "28:8: `save` = \"a.txt\": results are saved as .npy files only; expected a name such as \"slope.npy\"; \
             write `save = \"a.npy\"`",
            "32:8: `save`: `` is empty",
        ],
    );
}

#[test]
fn outputs_must_not_clash() {
    refused_in(
        &Place::new(),
        "[steps.slope]\nin = \"map\"\nsave = \"a.npy\"\npicture = \"grey\"\n\
         [steps.hillshade]\nin = \"map\"\nsave = \"a.npy\"\n\
         [steps.a]\nkernel = \"slope\"\nin = \"map\"\npicture = \"grey\"\n\
         [steps.b]\nkernel = \"slope\"\nin = \"map\"\nsave = \"a.png/b.npy\"\n\
         [steps.c]\nkernel = \"slope\"\nin = \"map\"\nsave = \"report.json/b.npy\"\n",
        &[
            "7:8: the result of step `hillshade` would overwrite the result of step `slope`: both are `a.npy`",
            "11:11: the picture of step `a` would overwrite the picture of step `slope`: both are `a.png`",
            "15:8: `a.png/b.npy` and `a.png` cannot both be: one is a folder of the other",
            "19:8: `report.json` is written by the engine itself and is no folder",
        ]
        .map(|part| part),
    );
}

#[test]
fn pictures_and_files_need_a_result_of_their_kind() {
    refused_in(
        &Place::new(),
        "[steps.summary]\nin = \"map\"\nsave = \"a.npy\"\npicture = \"grey\"\n\
         [steps.histogram]\nin = \"map\"\nparams = { range = [0, 1] }\npicture = \"magma\"",
        &[
            "3:8: step `summary` has no array to save: its result is scalars",
            "4:11: step `summary` has no map to draw: its result is scalars",
            "8:11: step `histogram` has no map to draw: its result is 256 u64",
        ],
    );
}

#[test]
fn inputs_are_never_overwritten_whatever_leads_there() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("data")).unwrap();
    symlink("..", place.path().join("data/up")).unwrap();
    symlink("map.npy", place.path().join("link.npy")).unwrap();
    let text = format!("{START}[steps.slope]\nin = \"map\"\nsave = \"map.npy\"");
    let text_by_link = text.replace("file = \"map.npy\"", "file = \"link.npy\"");
    for text in [&text, &text_by_link] {
        for folder in ["", "data/..", "data/up", "data/up/."] {
            let folder = place.path().join(folder);
            let job = place.path().join("data/../job.toml");
            let errors =
                check_text(text, &job, Wanted { folder: Some(&folder), fence: false }, &Kernels)
                    .unwrap_err();
            let found = &errors.errors[0];
            assert!(found.message.contains("would overwrite input `map`"), "{}", errors.plain());
            assert_eq!((found.line, found.column), (6, 8));
        }
    }
}

#[test]
fn links_and_folders_in_the_way_are_found() {
    let place = Place::new();
    let out = place.out();
    std::fs::create_dir_all(out.join("d.npy")).unwrap();
    symlink("/tmp", out.join("maps")).unwrap();
    symlink("/nowhere", out.join("l.npy")).unwrap();
    std::fs::write(out.join("f"), "").unwrap();
    let mut rest = String::new();
    for (at, save) in ["maps/a.npy", "l.npy", "d.npy", "f/a.npy"].iter().enumerate() {
        rest += &format!("[steps.s{at}]\nkernel = \"slope\"\nin = \"map\"\nsave = \"{save}\"\n");
    }
    refused_in(
        &place,
        &rest,
        &[
            "out/maps is a symbolic link, and results are not written through links",
            "out/l.npy is a symbolic link",
            "out/d.npy is there already, and is not a regular file",
            "out/f is there already, and is not a folder",
        ],
    );
}
