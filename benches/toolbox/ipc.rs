//! The side of ipc-channel: a child process sends to this one.

use crate::MESSAGE;
use gristmill::Engine;
use ipc_channel::ipc::{IpcBytesReceiver, IpcOneShotServer, IpcSender, bytes_channel};
use std::time::Instant;

/// Seconds for each of so many small integers.
pub(crate) fn small(many: u32) -> Result<f64, String> {
    let (server, name) = IpcOneShotServer::<u32>::new().map_err(told)?;
    let send = |(name, many): (String, u32)| {
        let sender = IpcSender::connect(name).expect("the server is there");
        (0..=many).for_each(|n| sender.send(n).expect("the receiver is there"));
    };
    with_child(send, (name, many), || {
        let (receiver, _) = server.accept().map_err(told)?;
        let start = Instant::now();
        for expected in 1..=many {
            assert_eq!(receiver.recv().map_err(told)?, expected);
        }
        Ok(start.elapsed().as_secs_f64() / f64::from(many))
    })
}

/// Seconds for each of so many large messages.
pub(crate) fn bytes(many: u32) -> Result<f64, String> {
    let (server, name) = IpcOneShotServer::<IpcBytesReceiver>::new().map_err(told)?;
    let send = |(name, many): (String, u32)| {
        let hand_over = IpcSender::connect(name).expect("the server is there");
        let (sender, receiver) = bytes_channel().expect("a channel");
        hand_over.send(receiver).expect("the server is there");
        let message: Vec<u8> = (0..MESSAGE).map(|at| at as u8).collect();
        (0..many).for_each(|_| sender.send(&message).expect("the receiver is there"));
    };
    with_child(send, (name, many), || {
        let (_, receiver) = server.accept().map_err(told)?;
        let start = Instant::now();
        for _ in 0..many {
            assert_eq!(receiver.recv().map_err(told)?.len(), MESSAGE);
        }
        Ok(start.elapsed().as_secs_f64() / f64::from(many))
    })
}

/// What `receive` measures while a child process sends.
fn with_child(
    send: impl Fn((String, u32)) + Copy + Send + Sync + 'static,
    arguments: (String, u32),
    receive: impl FnOnce() -> Result<f64, String>,
) -> Result<f64, String> {
    let engine = Engine::builder().workers(0).build().map_err(told)?;
    let child = engine.spawn(send, arguments).map_err(told)?;
    let seconds = receive()?;
    child.join().map_err(told)?;
    Ok(seconds)
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
