//! The `gristmill` command: the engine's command line with the stock kernels.

fn main() -> std::process::ExitCode {
    gristmill::cli::main(&gristmill_kernels::registry())
}
