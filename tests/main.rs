//! Tests of the real binary, one file for each kind of behaviour. They run as an unprivileged user, against
//! real registries on loopback; `tests/run.sh` prepares the machine.

mod attach;
mod bad_input;
mod changes;
mod cli;
mod commit;
mod copy;
mod events;
mod exec;
mod faults;
mod fixtures;
mod health;
mod images;
mod inspect;
mod inventory;
mod isolation;
mod lifecycle;
mod login;
mod logs;
mod network;
mod options;
mod ps;
mod pull;
mod push;
mod registries;
mod run;
mod secrets;
mod sharing;
mod stress;
mod supervise;
mod support;
mod terminal;
mod unshare;
mod userns;
mod volume_archives;
mod volumes;
