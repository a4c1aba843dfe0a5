//! Which of the earlier sites a query reads: all of them, or those of its block and a memory before it.

use std::ops::Range;

use ar_core::{Grid, MaskType, Order, Result};

use crate::refuse_if;

/// How far attention reaches among the sites that come earlier (Parmar et al. 2018, Image Transformer,
/// arXiv:1802.05751, section 3.3). Queries come in blocks, and all of a block read the same memory, of
/// which a step pass keeps one copy to read from end to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Every earlier site.
    #[default]
    All,
    /// Blocks of so many `queries`, which come one after the other; the memory are the block and the
    /// `memory` sites that come before it (1-D local attention).
    Recent {
        /// Sites of a block.
        queries: usize,
        /// Sites before it.
        memory: usize,
    },
    /// Rectangles; the memory is the rectangle extended by so many rows and columns on each side (2-D local
    /// attention). Where the order leaves a rectangle and comes back, each visit is a block.
    Nearby {
        /// Rows and columns of a rectangle.
        block: [usize; 2],
        /// Rows and columns around it.
        memory: [usize; 2],
    },
}

/// The queries of a block, which come one after the other, and the memory before them.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// Ranks of the queries.
    ranks: Range<usize>,
    /// Where its sites are listed: those of the memory that come before the first query, and then the
    /// queries' own, by rank.
    listed: Range<usize>,
}

impl Block {
    /// How many sites of the memory come before the first query.
    pub(crate) fn before(&self) -> usize {
        self.listed.len() - self.ranks.len()
    }
}

/// An order cut into blocks, and how much of its block a query reads.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    pub(crate) order: Order,
    /// With B a query reads its own site too.
    pub(crate) mask: MaskType,
    pub(crate) blocks: Vec<Block>,
    /// What rectangles read, one after the other; nothing where a block's sites follow each other in the
    /// order.
    lists: Option<Vec<u32>>,
}

impl Memory {
    /// # Errors
    /// [`Error::Config`](ar_core::Error::Config) when rectangles would list too many sites.
    pub(crate) fn new(order: &Order, reach: Reach, mask: MaskType) -> Result<Self> {
        let n = order.positions();
        let recent = |queries: usize, memory: usize| {
            let queries = queries.clamp(1, n);
            let of = |first: usize| Block {
                ranks: first..n.min(first + queries),
                listed: first.saturating_sub(memory)..n.min(first + queries),
            };
            (0..n).step_by(queries).map(of).collect()
        };
        let (blocks, lists) = match reach {
            Reach::All => (recent(n, 0), None),
            Reach::Recent { queries, memory } => (recent(queries, memory), None),
            Reach::Nearby { block, memory } => {
                let (blocks, lists) = rectangles(order, block, memory)?;
                (blocks, Some(lists))
            }
        };
        Ok(Self {
            order: order.clone(),
            mask,
            blocks,
            lists,
        })
    }

    /// Of the memory and then of the queries.
    pub(crate) fn sites(&self, block: &Block) -> &[u32] {
        let all = self.lists.as_deref().unwrap_or(self.order.sequence());
        &all[block.listed.clone()]
    }

    pub(crate) fn queries(&self, block: &Block) -> &[u32] {
        &self.order.sequence()[block.ranks.clone()]
    }

    /// The number of the block that the query at `site` belongs to.
    pub(crate) fn block_of(&self, site: usize) -> usize {
        let rank = self.order.rank(site);
        self.blocks.partition_point(|block| block.ranks.end <= rank)
    }

    /// How many of its block's sites, the first ones, the `i`-th query of `block` reads.
    pub(crate) fn live(&self, block: &Block, i: usize) -> usize {
        block.before() + i + usize::from(self.mask == MaskType::B)
    }

    /// Which sites the query at `site` reads, by rank.
    pub(crate) fn read_by(&self, site: usize) -> &[u32] {
        let block = &self.blocks[self.block_of(site)];
        let i = self.order.rank(site) - block.ranks.start;
        &self.sites(block)[..self.live(block, i)]
    }

    /// Sites of the largest memory, and queries of the largest block.
    pub(crate) fn largest(&self) -> [usize; 2] {
        let most = |of: fn(&Block) -> usize| self.blocks.iter().map(of).max().unwrap_or(0);
        [most(|b| b.listed.len()), most(|b| b.ranks.len())]
    }
}

/// Sites in all lists: a quarter of a gigabyte.
const MOST_LISTED: usize = 1 << 26;

fn rectangles(
    order: &Order,
    block: [usize; 2],
    memory: [usize; 2],
) -> Result<(Vec<Block>, Vec<u32>)> {
    let grid = Grid::of(order);
    let sides = block.map(|side| side.max(1));
    let rectangle = |site: u32| {
        let (row, column) = (site as usize / grid.width, site as usize % grid.width);
        [row / sides[0], column / sides[1]]
    };
    let sites = order.sequence();
    let visits = sites.chunk_by(|a, b| rectangle(*a) == rectangle(*b));
    let (mut blocks, mut lists, mut first) = (Vec::new(), Vec::new(), 0);
    for queries in visits {
        let ranks = first..first + queries.len();
        first = ranks.end;
        let corner = rectangle(queries[0]);
        let span = |i: usize, end: usize| {
            let start = corner[i] * sides[i];
            let after = start.saturating_add(sides[i]).saturating_add(memory[i]);
            start.saturating_sub(memory[i])..end.min(after)
        };
        let (rows, columns) = (span(0, grid.height), span(1, grid.width));
        let around = rows.flat_map(|r| columns.clone().map(move |c| (r * grid.width + c) as u32));
        let start = lists.len();
        lists.extend(around.filter(|site| order.rank(*site as usize) < ranks.start));
        lists[start..].sort_by_key(|site| order.rank(*site as usize));
        lists.extend_from_slice(queries);
        let problem = "so many small blocks read too much each; take larger blocks or less memory";
        refuse_if(lists.len() > MOST_LISTED, "memory", problem)?;
        blocks.push(Block {
            ranks,
            listed: start..lists.len(),
        });
    }
    Ok((blocks, lists))
}

#[cfg(test)]
mod tests {
    use ar_core::{ChannelSteps, Domain, Scan};

    use super::*;

    fn read_by(scan: &str, reach: Reach) -> Vec<Vec<u32>> {
        let domain = Domain::new(1, 4, 5, 2).unwrap();
        let scan: Scan = scan.parse().unwrap();
        let order = Order::scan(scan, &domain, ChannelSteps::Separate).unwrap();
        let memory = Memory::new(&order, reach, MaskType::B).unwrap();
        let sites = order.sequence().iter();
        sites
            .map(|&site| memory.read_by(site as usize).to_vec())
            .collect()
    }

    #[test]
    fn blocks_read_themselves_and_what_comes_before() {
        let all = read_by("raster", Reach::All);
        assert!(all.iter().enumerate().all(|(i, read)| read.len() == i + 1));
        let recent = Reach::Recent {
            queries: 3,
            memory: 4,
        };
        let recent = read_by("raster", recent);
        assert_eq!(recent[0], [0]);
        assert_eq!(recent[6], [2, 3, 4, 5, 6]);
        assert_eq!(recent[8], [2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(recent[19], [14, 15, 16, 17, 18, 19]);
    }

    #[test]
    fn rectangles_read_what_lies_around_them() {
        let nearby = Reach::Nearby {
            block: [2, 2],
            memory: [1, 1],
        };
        let read = read_by("blocks:2x2", nearby);
        assert_eq!(read[2], [0, 1, 5]);
        // The second block, of columns 2 and 3, sees column 1 beside it.
        assert_eq!(read[4], [1, 6, 2]);
        // The last, one column wide, sees the row above and the column beside it.
        assert_eq!(read[19], [8, 9, 13, 18, 14, 19]);
        let sorted = |mut sites: Vec<u32>| {
            sites.sort_unstable();
            sites
        };
        // Turned, what lies below comes first.
        let turned = read_by("blocks:2x2+flip", nearby);
        assert_eq!(sorted(turned[19].clone()), [3, 4, 8, 9, 13, 14]);
        // Raster order visits a rectangle once a row.
        assert_eq!(read_by("raster", nearby)[5], [0, 1, 2, 5]);
    }
}
