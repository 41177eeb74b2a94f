//! What a leaf of a classification tree keeps of its events: for each class the distribution of each feature.

use super::columns::{Columns, Event, LANES};
use super::gaussian::{Block, Four, log_density};
use super::nominal::Counts;
use crate::random::Random;
use crate::snapshot::{Reader, SnapshotError, Writer};

/// The features that a leaf observes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Subset {
    /// Numeric features, four to a block. Behind the last stand places that are always missing.
    pub(crate) blocks: Vec<[u32; LANES]>,
    /// How many numeric features there are.
    pub(crate) numbers: usize,
    /// Categories.
    pub(crate) categories: Vec<u32>,
    /// Whether the numeric features are all there are, so that they stand side by side.
    whole: bool,
}

impl Subset {
    /// All features.
    pub(crate) fn all(columns: &Columns) -> Self {
        Self::of(columns, (0..columns.len() as u32).collect())
    }

    /// These features, which rise.
    fn of(columns: &Columns, features: Vec<u32>) -> Self {
        let end = columns.numbers() as u32;
        let numbers: Vec<u32> = features.iter().copied().filter(|feature| *feature < end).collect();
        let block = |four: &[u32]| {
            let mut block = [end; LANES];
            block[..four.len()].copy_from_slice(four);
            block
        };
        Subset {
            blocks: numbers.chunks(LANES).map(block).collect(),
            numbers: numbers.len(),
            categories: features
                .iter()
                .filter(|feature| **feature >= end)
                .map(|feature| feature - end)
                .collect(),
            whole: numbers.len() == columns.numbers(),
        }
    }

    /// `count` features of this subset, drawn without putting back.
    pub(crate) fn draw(&self, columns: &Columns, count: usize, random: &mut Random) -> Self {
        let mut features = self.features(columns);
        let count = count.min(features.len());
        for place in 0..count {
            let other = place as u64 + random.below((features.len() - place) as u64);
            features.swap(place, other as usize);
        }
        features.truncate(count);
        features.sort_unstable();
        Self::of(columns, features)
    }

    /// Its features.
    fn features(&self, columns: &Columns) -> Vec<u32> {
        let numbers = self.blocks.iter().flatten().copied().take(self.numbers);
        numbers.chain(self.categories.iter().map(|category| category + columns.numbers() as u32)).collect()
    }

    /// How many features it has.
    pub(crate) fn len(&self) -> usize {
        self.numbers + self.categories.len()
    }

    /// Block and lane of a numeric feature.
    pub(crate) fn place_of_number(&self, feature: u32) -> Option<(usize, usize)> {
        let place = self.blocks.iter().flatten().position(|known| *known == feature)?;
        Some((place / LANES, place % LANES))
    }

    /// Place of a category.
    pub(crate) fn place_of_category(&self, category: u32) -> Option<usize> {
        self.categories.iter().position(|known| *known == category)
    }

    /// The values of a block.
    #[inline(always)]
    fn gathered(&self, event: &Event, block: usize) -> Four {
        self.blocks[block].map(|feature| event.numbers[feature as usize])
    }

    /// Bytes on the heap.
    pub(crate) fn memory_bytes(&self) -> usize {
        16 * self.blocks.len() + 4 * self.categories.len()
    }

    pub(crate) fn save(&self, columns: &Columns, out: &mut Writer) {
        let features = self.features(columns);
        out.unsigned(features.len() as u64);
        features.iter().for_each(|feature| out.unsigned(u64::from(*feature)));
    }

    pub(crate) fn load(columns: &Columns, from: &mut Reader<'_>) -> Result<Self, SnapshotError> {
        let length = from.length(1)?;
        let mut features: Vec<u32> = Vec::with_capacity(length);
        for _ in 0..length {
            let feature = from.unsigned()?;
            let rises = features.last().is_none_or(|last| u64::from(*last) < feature);
            if !rises || feature >= columns.len() as u64 {
                return Err(from.invalid(format!("a leaf observes feature {feature}")));
            }
            features.push(feature as u32);
        }
        Ok(Self::of(columns, features))
    }
}

/// A block's values of an event whose numeric features are all observed.
#[inline(always)]
fn side_by_side(event: &Event, block: usize) -> Four {
    let start = block * LANES;
    match event.numbers[start..].first_chunk() {
        Some(four) => *four,
        None => [f64::NAN; LANES],
    }
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Observers {
    /// Weight of each class since the leaf began to observe.
    pub(crate) seen: Vec<f64>,
    /// By class (empty where it was not seen), a block for four numeric features of the subset.
    pub(crate) gaussians: Vec<Vec<Block>>,
    /// A table for each category of the subset.
    pub(crate) nominal: Vec<Counts>,
}

impl Observers {
    /// Learns an event. True where that took more memory.
    pub(crate) fn learn(&mut self, subset: &Subset, event: &Event, class: usize, weight: f64) -> bool {
        if class >= self.seen.len() {
            self.seen.resize(class + 1, 0.0);
            self.gaussians.resize(class + 1, Vec::new());
        }
        let mut grows = self.seen[class] == 0.0;
        if grows {
            self.gaussians[class] = vec![Block::EMPTY; subset.blocks.len()];
            self.nominal.resize(subset.categories.len(), Counts::default());
        }
        self.seen[class] += weight;
        let blocks = self.gaussians[class].iter_mut().enumerate();
        if subset.whole {
            blocks.for_each(|(at, block)| block.add(side_by_side(event, at), weight));
        } else {
            blocks.for_each(|(at, block)| block.add(subset.gathered(event, at), weight));
        }
        for (counts, &category) in self.nominal.iter_mut().zip(&subset.categories) {
            match event.codes[category as usize] {
                0 => {}
                code => grows |= counts.add(code, class, weight),
            }
        }
        grows
    }

    /// The logarithm of a class's prior times its likelihood, up to what all classes share. Minus infinity for a class
    /// that was never seen here.
    #[inline]
    pub(crate) fn log_score(&self, prior: f64, subset: &Subset, event: &Event, class: usize) -> f64 {
        match self.seen.get(class) {
            Some(seen) if *seen > 0.0 => {}
            _ => return f64::NEG_INFINITY,
        }
        let blocks = &self.gaussians[class];
        let numeric = match subset.whole {
            true => log_density(prior, blocks, |at| side_by_side(event, at)),
            false => log_density(prior, blocks, |at| subset.gathered(event, at)),
        };
        numeric + self.log_shares(subset, event, class)
    }

    fn log_shares(&self, subset: &Subset, event: &Event, class: usize) -> f64 {
        let (mut log, mut product) = (0.0, 1.0);
        for (counts, &category) in self.nominal.iter().zip(&subset.categories) {
            let code = event.codes[category as usize];
            if code > 0 {
                product *= counts.share(code, class);
                if product < 1e-200 {
                    log += libm::log(product);
                    product = 1.0;
                }
            }
        }
        if product < 1.0 { log + libm::log(product) } else { log }
    }

    /// What one feature of the subset adds to [`Observers::log_score`]: numeric ones by place, then categories.
    pub(crate) fn log_likelihood_of(
        &self,
        subset: &Subset,
        event: &Event,
        class: usize,
        place: usize,
    ) -> f64 {
        if place < subset.numbers {
            let (block, lane) = (place / LANES, place % LANES);
            let mut values = [f64::NAN; LANES];
            values[lane] = subset.gathered(event, block)[lane];
            return self.gaussians[class]
                .get(block)
                .map_or(0.0, |block| log_density(1.0, std::slice::from_ref(block), |_| values));
        }
        let place = place - subset.numbers;
        match (self.nominal.get(place), event.codes[subset.categories[place] as usize]) {
            (Some(counts), code) if code > 0 => libm::log(counts.share(code, class)),
            _ => 0.0,
        }
    }

    /// The feature at a place of the subset, numeric ones first.
    pub(crate) fn feature(subset: &Subset, place: usize, columns: &Columns) -> usize {
        match place.checked_sub(subset.numbers) {
            None => subset.blocks[place / LANES][place % LANES] as usize,
            Some(category) => columns.numbers() + subset.categories[category] as usize,
        }
    }

    /// Bytes, heap included.
    pub(crate) fn memory_bytes(&self) -> usize {
        let blocks: usize = self.gaussians.iter().map(|blocks| size_of::<Block>() * blocks.len()).sum();
        let nominal: usize =
            self.nominal.iter().map(|counts| size_of::<Counts>() + counts.memory_bytes()).sum();
        size_of::<Self>() + (8 + 24) * self.seen.len() + blocks + nominal
    }

    pub(crate) fn save(&self, out: &mut Writer) {
        out.floats(&self.seen);
        self.gaussians.iter().flatten().for_each(|block| block.save(out));
        out.boolean(!self.nominal.is_empty());
        self.nominal.iter().for_each(|counts| counts.save(out));
    }

    pub(crate) fn load(
        subset: &Subset,
        from: &mut Reader<'_>,
        classes_max: usize,
    ) -> Result<Self, SnapshotError> {
        let seen = from.floats()?;
        if seen.len() > classes_max || !seen.iter().all(|weight| (0.0..=1e18).contains(weight)) {
            return Err(
                from.invalid(format!("a leaf that has seen {} classes, or too much of one", seen.len()))
            );
        }
        let mut gaussians = Vec::with_capacity(seen.len());
        for seen in &seen {
            let blocks = if *seen > 0.0 { subset.blocks.len() } else { 0 };
            if blocks * Block::FLOATS * 8 > from.remaining() {
                return Err(from.invalid("too few moments"));
            }
            gaussians.push((0..blocks).map(|_| Block::load(from)).collect::<Result<_, _>>()?);
        }
        let nominal = match from.boolean()? {
            true => {
                subset.categories.iter().map(|_| Counts::load(from, classes_max)).collect::<Result<_, _>>()?
            }
            false => Vec::new(),
        };
        Ok(Observers { seen, gaussians, nominal })
    }
}
