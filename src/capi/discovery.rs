//! Discovery: addresses of primaries, for programs that connect on their own
//!
//! Followers and clusters find their servers without these functions. A program with redtail_session requests the
//! addresses here and connects its own sockets. redtail_sentinel_find and redtail_topology_ask block until a server
//! has answered: by default each address has 2 s to connect and 5 s to answer. Request the addresses again after each
//! lost connection.

use std::ffi::{CString, c_char, c_int};

use crate::capi::basics::*;
use crate::capi::boundary::{Guard, Guarded, call, make, refuse, release, there, without_handle};
use crate::capi::cluster::{Plan, cluster_status, plan, redtail_cluster_options};
use crate::capi::options::redtail_options;
use crate::capi::sentinel;
use crate::capi::sentinel::redtail_sentinel;
use crate::capi::text::c_text;
use crate::topology::{Node, Slots};

/// Asks the Sentinels, one after another, for the address of the primary, or of a healthy replica with
/// prefer_replica. Writes host:port and a NUL to text; after an error the message and a NUL, cut to size. size: room
/// in bytes, at least 1; 512 suffice for every address.
///
/// Returns REDTAIL_OK; REDTAIL_NEED_MORE if the address does not fit; REDTAIL_ERROR_CONNECT if no Sentinel knows the
/// name; REDTAIL_ERROR_ADDRESS; REDTAIL_ERROR_ARGUMENT. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_sentinel_find(
    sentinel: *const redtail_sentinel,
    text: *mut c_char,
    size: usize,
) -> c_int {
    without_handle(|| {
        if text.is_null() || size == 0 || size > isize::MAX as usize {
            return REDTAIL_ERROR_ARGUMENT;
        }
        // SAFETY: as the header asks.
        let found = unsafe { sentinel::read(sentinel) }
            .and_then(|mut sentinel| sentinel.find().map_err(|error| (REDTAIL_ERROR_CONNECT, error.to_string())));
        let (status, found) = match found {
            Ok(found) => (REDTAIL_OK, found.target.to_string()),
            Err(failed) => failed,
        };
        let whole = c_text(&found);
        let whole = whole.as_bytes();
        if status == REDTAIL_OK && whole.len() >= size {
            return REDTAIL_NEED_MORE;
        }
        let length = (0..size.min(whole.len() + 1)).rev().find(|&end| found.is_char_boundary(end)).unwrap_or(0);
        // SAFETY: length is less than size, and the header asks for room for size bytes.
        unsafe {
            std::ptr::copy_nonoverlapping(whole.as_ptr(), text.cast(), length);
            text.add(length).write(0);
        }
        status
    })
}

/// A node of a cluster. The struct and its texts are valid until the next redtail_topology_ask that succeeds, or until
/// redtail_topology_free.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_node {
    /// The index of the node's shard, from 0. Shards are in the order of their slots; shards without slots are last.
    pub shard: usize,
    /// Not 0: the primary of the shard. It is the first node of the shard.
    pub is_primary: c_int,
    /// Not 0: the cluster has not reported the node as failed.
    pub is_up: c_int,
    /// The node id: 40 hexadecimal digits and a NUL. Compare it with the reply of the server to CLUSTER MYID: another
    /// node may be at that address.
    pub id: *const c_char,
    /// The address of the node: host:port and a NUL.
    pub address: *const c_char,
    /// The slots of the shard, for example 0-5460,7365, and a NUL. "" for a shard without slots.
    pub slots: *const c_char,
}

/// The shards and nodes of a cluster, as the cluster reports them. One thread at a time.
pub struct redtail_topology {
    guard: Guard,
    plan: Option<Plan>,
    nodes: Vec<Known>,
}

/// A node and the texts it points to.
struct Known {
    node: redtail_node,
    _texts: [CString; 3],
}

// SAFETY: the pointers of a node point into the texts that are stored with it.
unsafe impl Send for Known {}

impl Guarded for redtail_topology {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// Creates a topology without nodes. cluster: only nodes and node_count are used. options: only user, password,
/// password_len, tls and connect_timeout_ms are used; NULL for the defaults.
///
/// Returns NULL only if memory is exhausted. If the options are invalid, every later call returns
/// REDTAIL_ERROR_ARGUMENT or REDTAIL_ERROR_ADDRESS, and the message names the option.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_topology_new(
    options: *const redtail_options,
    cluster: *const redtail_cluster_options,
) -> *mut redtail_topology {
    make(|| {
        // SAFETY: as the header asks.
        let (guard, plan) = match unsafe { plan(options, cluster) } {
            Ok(plan) => (Guard::new(), Some(plan)),
            Err((status, message)) => (Guard::closed(status, message), None),
        };
        Some(redtail_topology { guard, plan, nodes: Vec::new() })
    })
}

/// Frees a topology and its nodes. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_topology_free(topology: *mut redtail_topology) {
    // SAFETY: NULL, or from _new and not used again.
    unsafe { release(topology) }
}

/// The message of the last failure; "" before any. Never NULL. Valid until the next call on the topology.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_topology_message(topology: *const redtail_topology) -> *const c_char {
    // SAFETY: NULL, or a topology that lives.
    unsafe { there(topology) }.map_or(c"the topology is NULL".as_ptr(), |topology| topology.guard.message())
}

/// Asks the given nodes, one after another, for the shards of the cluster. The answer replaces all nodes of the last
/// one.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_CONNECT if no node answers: the nodes of the last answer stay valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_topology_ask(topology: *mut redtail_topology) -> c_int {
    call!(topology; {
        let Some(plan) = &topology.plan else { return REDTAIL_ERROR_STATE };
        let login = plan.login();
        match plan.cluster(&login).and_then(|mut cluster| cluster.discover()) {
            Ok(found) => {
                let shards = found.shards.iter().enumerate();
                topology.nodes = shards.flat_map(|(number, shard)| {
                    let replicas = shard.replicas.iter().map(move |node| Known::new(number, false, node, &shard.slots));
                    std::iter::once(Known::new(number, true, &shard.primary, &shard.slots)).chain(replicas)
                }).collect();
                REDTAIL_OK
            }
            Err(error) => refuse(topology, cluster_status(&error), error),
        }
    })
}

/// A node of the last answer. index: from 0.
///
/// Returns REDTAIL_OK and sets node; REDTAIL_END if index is not below the number of nodes, which is 0 before
/// redtail_topology_ask.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_topology_node(
    topology: *mut redtail_topology,
    index: usize,
    node: *mut *const redtail_node,
) -> c_int {
    call!(topology, out node; {
        let Some(known) = topology.nodes.get(index) else { return REDTAIL_END };
        node.set(&raw const known.node);
        REDTAIL_OK
    })
}

impl Known {
    fn new(shard: usize, is_primary: bool, node: &Node, slots: &Slots) -> Self {
        let texts = [c_text(&node.id), c_text(&node.target), c_text(slots)];
        let [id, address, slots] = texts.each_ref().map(|text| text.as_ptr());
        let (is_primary, is_up) = (c_int::from(is_primary), c_int::from(node.is_up));
        Self { node: redtail_node { shard, is_primary, is_up, id, address, slots }, _texts: texts }
    }
}
