//! How a value lies in the cache: 24 bytes about it, then the finished bytes, which go out as they are.

use bytes::Bytes;

use crate::storage::cache::{Entry, Loaded};

/// Kind, codec, schema (2), load cost in ms (4), version (8), soft expiry in ms since 1970 (8); numbers are little-endian.
const HEADER: usize = 24;
const VALUE: u8 = 1;
const LEASE: u8 = 2;
const ABSENT: u8 = 3;
/// The body is as it goes out.
const PLAIN: u8 = 0;

/// What lies under a key.
#[derive(Debug)]
pub enum Found {
    /// Somebody is loading it.
    Lease,
    /// A value, or that there is none; and whether it is past its soft expiry.
    Entry { entry: Option<Entry>, past: bool },
    /// Nothing of ours, or of another schema.
    Strange,
}

/// The promise of one loader, told from all others by `token`.
pub fn lease(schema: u16, token: u128) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER);
    bytes.extend([LEASE, PLAIN]);
    bytes.extend(schema.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(token.to_le_bytes());
    bytes
}

pub fn write(loaded: Option<&Loaded>, schema: u16, cost_ms: u32, soft_ms: u64) -> Vec<u8> {
    let body = loaded.map_or(&[][..], |loaded| &loaded.body);
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend([if loaded.is_some() { VALUE } else { ABSENT }, PLAIN]);
    bytes.extend(schema.to_le_bytes());
    bytes.extend(cost_ms.to_le_bytes());
    bytes.extend(loaded.map_or(0, |loaded| loaded.version).to_le_bytes());
    bytes.extend(soft_ms.to_le_bytes());
    bytes.extend(body);
    bytes
}

pub fn read(bytes: &Bytes, schema: u16, now_ms: u64) -> Found {
    let Some((header, _)) = bytes.split_first_chunk::<HEADER>() else { return Found::Strange };
    let [kind, codec, s0, s1, _, _, _, _, numbers @ ..] = *header;
    if codec != PLAIN || u16::from_le_bytes([s0, s1]) != schema {
        return Found::Strange;
    }
    let [v0, v1, v2, v3, v4, v5, v6, v7, e0, e1, e2, e3, e4, e5, e6, e7] = numbers;
    let version = i64::from_le_bytes([v0, v1, v2, v3, v4, v5, v6, v7]);
    let past = u64::from_le_bytes([e0, e1, e2, e3, e4, e5, e6, e7]) <= now_ms;
    match kind {
        LEASE if bytes.len() == HEADER => Found::Lease,
        ABSENT if bytes.len() == HEADER => Found::Entry { entry: None, past },
        VALUE => Found::Entry { entry: Some(Entry { version, body: bytes.slice(HEADER..), stale: past }), past },
        _ => Found::Strange,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded() -> Loaded {
        Loaded { version: -7, body: b"{}".to_vec() }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = Bytes::from(write(Some(&loaded()), 3, 12, 1000));
        assert_eq!(bytes.len(), HEADER + 2);
        let Found::Entry { entry: Some(entry), past } = read(&bytes, 3, 999) else { panic!("no value") };
        assert_eq!((entry.version, &entry.body[..], entry.stale, past), (-7, &b"{}"[..], false, false));
        let Found::Entry { entry: Some(entry), past } = read(&bytes, 3, 1000) else { panic!("no value") };
        assert_eq!((entry.stale, past), (true, true));
        let absent = Bytes::from(write(None, 3, 0, 1000));
        assert!(matches!(read(&absent, 3, 0), Found::Entry { entry: None, past: false }));
        assert!(matches!(read(&Bytes::from(lease(3, 9)), 3, 0), Found::Lease));
        assert_ne!(lease(3, 9), lease(3, 10));
    }

    #[test]
    fn nothing_else_is() {
        let bytes = write(Some(&loaded()), 3, 12, 1000);
        assert!(matches!(read(&Bytes::from(bytes.clone()), 4, 0), Found::Strange), "another schema");
        for cut in 0..HEADER {
            assert!(matches!(read(&Bytes::copy_from_slice(&bytes[..cut]), 3, 0), Found::Strange), "{cut}");
        }
        for (place, wrong) in [(0, 0), (0, 9), (0, LEASE), (0, ABSENT), (1, 1)] {
            let mut bytes = bytes.clone();
            bytes[place] = wrong;
            assert!(matches!(read(&Bytes::from(bytes), 3, 0), Found::Strange), "{place} {wrong}");
        }
        assert!(matches!(read(&Bytes::from_static(b"<html>not ours at all, and long</html>"), 3, 0), Found::Strange));
    }
}
