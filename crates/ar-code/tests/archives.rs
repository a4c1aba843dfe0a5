//! Archives of a small model: what comes back, what they cost, and what damage does.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ar_code::{Archive, Error, Header, Item, Written, compress, decompress};
use ar_core::random::stream;
use ar_core::{Conditioning, Distribution, Domain, Weights};
use ar_models::Spec;
use candle_core::Device;
use rand::Rng;
use serde_json::json;

/// A model of two channels and five levels, as it begins; each size is put together once.
fn of_size(size @ [height, width]: [usize; 2]) -> ar_core::Result<Arc<dyn Distribution>> {
    static KNOWN: Mutex<BTreeMap<[usize; 2], Arc<dyn Distribution>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap();
    if let Some(model) = known.get(&size) {
        return Ok(Arc::clone(model));
    }
    let config = json!({"hidden": 2, "blocks": 1, "first_kernel": 3});
    let domain = Domain::new(2, height, width, 5)?;
    let spec = Spec::new("pixelcnn", config, domain, Conditioning::None)?;
    let weights = Weights::from_vars(&spec.initialise(1, &Device::Cpu)?);
    let model: Arc<dyn Distribution> = Arc::from(spec.build(&weights.detached())?);
    known.insert(size, Arc::clone(&model));
    Ok(model)
}

fn header() -> Header {
    Header::of(&*of_size([4, 4]).unwrap(), [9; 32])
}

/// Images that wander.
fn item(name: &str, count: usize, [height, width]: [usize; 2]) -> Item {
    let mut rng = stream(1, name, &[]);
    let mut level = 0i32;
    let levels = (0..count * 2 * height * width).map(|_| {
        level = (level + rng.random_range(-1..=1)).clamp(0, 4);
        level as u32
    });
    Item {
        size: [height, width],
        levels: levels.collect(),
        about: name.as_bytes().to_vec(),
        ..Item::named(name)
    }
}

fn packed(items: &[Item], header: &Header) -> (Vec<u8>, Written) {
    let mut bytes = Vec::new();
    let written = compress(items, header, None, &of_size, &mut bytes, &|_| true).unwrap();
    assert_eq!(written.bytes, bytes.len() as u64);
    (bytes, written)
}

type Given = Vec<(String, usize, Option<Vec<u32>>)>;

fn unpacked(bytes: &[u8]) -> (Given, ar_code::Result<()>) {
    let mut given = Vec::new();
    let result = Archive::open(bytes).and_then(|mut archive| {
        decompress(&mut archive, &of_size, &|_| true, &mut |piece, levels| {
            given.push((piece.name.clone(), piece.first, levels));
            Ok(())
        })
    });
    (given, result)
}

#[test]
fn what_goes_in_comes_out_in_about_as_many_bits_as_the_model_says() {
    let items = [
        item("a/many", 3000, [4, 6]),
        item("b", 1, [9, 3]),
        item("none", 0, [3, 3]),
        item("large", 1, [300, 200]),
        item("c", 5, [9, 3]),
    ];
    let (bytes, written) = packed(&items, &header());
    let bits = written.nats / std::f64::consts::LN_2;
    let own = 8.0 * bytes.len() as f64;
    assert!(own > bits && own < 1.01 * bits + 4000.0, "{own} {bits}");
    let (mut given, result) = unpacked(&bytes);
    result.unwrap();
    let mut last = String::new();
    for (name, ..) in &mut given {
        if name.is_empty() {
            name.clone_from(&last);
        }
        last.clone_from(name);
    }
    assert!(
        given.iter().filter(|(name, ..)| name == "a/many").count() > 1,
        "it was to be split"
    );
    for item in &items {
        let levels: Vec<u32> = given
            .iter()
            .filter(|(name, ..)| *name == item.name)
            .flat_map(|(.., levels)| levels.clone().unwrap())
            .collect();
        assert!(levels == item.levels, "{}", item.name);
    }
}

#[test]
fn rows_of_different_lengths_stand_side_by_side() {
    let lengths = [700, 1, 65, 1024, 1025, 3];
    let items: Vec<Item> = lengths
        .iter()
        .map(|n| item(&n.to_string(), 1, [1, *n]))
        .collect();
    let header = Header {
        round: 512,
        ..header()
    };
    let (bytes, _) = packed(&items, &header);
    let (given, result) = unpacked(&bytes);
    result.unwrap();
    for (item, (name, _, levels)) in items.iter().zip(&given) {
        assert_eq!((&item.name, Some(&item.levels)), (name, levels.as_ref()));
    }
}

#[test]
fn the_same_bytes_on_any_number_of_threads() {
    let items = [item("many", 4000, [4, 6]), item("c", 7, [9, 3])];
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| packed(&items, &header()).0)
    };
    assert!(on(1) == on(5));
}

#[test]
fn images_and_archives_that_do_not_fit_are_refused() {
    let short = Item {
        levels: vec![0; 7],
        size: [2, 2],
        ..Item::named("short")
    };
    let outside = Item {
        levels: vec![5; 8],
        size: [2, 2],
        ..Item::named("outside")
    };
    for item in [short, outside] {
        let result = compress(&[item], &header(), None, &of_size, &mut Vec::new(), &|_| {
            true
        });
        assert!(result.is_err());
    }
    let (bytes, _) = packed(&[item("a", 3, [4, 4])], &header());
    assert!(matches!(unpacked(b"PK").1, Err(Error::NotAnArchive)));
    let mut later = bytes.clone();
    later[6] = 77;
    assert!(matches!(
        unpacked(&later).1,
        Err(Error::Version { found: 77, .. })
    ));
    let other = Header {
        arithmetic: 99,
        ..header()
    };
    let (bytes, _) = packed(&[item("a", 3, [4, 4])], &other);
    assert!(matches!(
        unpacked(&bytes).1,
        Err(Error::Arithmetic { found: 99, .. })
    ));
}

/// Ten thousand archives, each cut, changed or lengthened somewhere: no panic, and nothing wrong is given as right.
#[test]
fn damage_is_noticed() {
    let small = |name: String| {
        let items = (0..12).map(|i| item(&format!("{name}{i}"), 1, [3 + i % 3, 5]));
        items.collect::<Vec<_>>()
    };
    let mut large = small("before".to_owned());
    large.push(item("large", 1, [100, 170]));
    large.extend(small("after".to_owned()));
    // The second has two blocks.
    for (items, rounds) in [(small(String::new()), 9_900), (large, 100)] {
        let (bytes, _) = packed(&items, &header());
        let mut rng = stream(5, "damage", &[]);
        let (mut recovered, mut noticed) = (0, 0);
        for round in 0..rounds {
            let mut damaged = bytes.clone();
            let at = rng.random_range(0..bytes.len());
            match round % 4 {
                0 => damaged.truncate(at),
                1 => damaged[at] ^= 1 << rng.random_range(0..8),
                2 => {
                    let end = bytes.len().min(at + rng.random_range(1..40));
                    damaged[at..end].iter_mut().for_each(|b| *b = rng.random());
                }
                _ => drop(damaged.splice(at..at, [rng.random(), rng.random()])),
            }
            let (given, result) = unpacked(&damaged);
            for (item, (name, _, levels)) in items.iter().zip(&given) {
                let Some(levels) = levels else { continue };
                assert!(
                    (name, levels) == (&item.name, &item.levels),
                    "round {round}"
                );
                recovered += 1;
            }
            let whole = given.len() == items.len() && given.iter().all(|(.., l)| l.is_some());
            noticed += usize::from(result.is_err() || !whole);
        }
        // What stands before the damage comes back; bits behind the last that is read harm nobody.
        assert!(
            recovered > rounds && noticed > rounds * 9 / 10,
            "{recovered} {noticed}"
        );
    }
}
