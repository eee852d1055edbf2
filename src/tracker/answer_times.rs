//! How long answers took: counts by fixed buckets, so that what there is to keep never grows and
//! two of them can be added up.

use std::time::Duration;

/// The buckets' upper bounds: each is about twice the one before.
pub const BOUNDS: [Duration; 19] = [
    Duration::from_micros(10),
    Duration::from_micros(20),
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(200),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// Answers by how long they took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// One for each of [`BOUNDS`], and one for what took longer.
    counts: [u64; BOUNDS.len() + 1],
    /// In nanoseconds. In 64 bits, a tracker that is asked much would be through in months.
    sum: u128,
}

impl Histogram {
    /// Enters so many answers that took this long.
    pub fn add(&mut self, answers: u64, took: Duration) {
        let bucket = BOUNDS.partition_point(|&bound| bound < took);
        self.counts[bucket] += answers;
        self.sum += u128::from(answers) * took.as_nanos();
    }

    /// Enters all that another one holds.
    pub fn merge(&mut self, other: &Histogram) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum += other.sum;
    }

    /// What has been entered since it was like `earlier`.
    pub fn since(&self, earlier: &Histogram) -> Histogram {
        let mut news = self.clone();
        for (count, before) in news.counts.iter_mut().zip(earlier.counts) {
            *count -= before;
        }
        news.sum -= earlier.sum;
        news
    }

    /// How many answers were as fast as each of [`BOUNDS`] or faster.
    pub fn up_to_bounds(&self) -> impl Iterator<Item = (Duration, u64)> {
        let sums = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        BOUNDS.into_iter().zip(sums)
    }

    /// How many answers there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long all together took, in seconds.
    pub fn sum_seconds(&self) -> f64 {
        self.sum as f64 / 1e9
    }

    /// A time within which this share of all answers was given: the bound of a bucket, and the last
    /// of them if it was none of these. `None` if there are no answers.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let all = self.count();
        if all == 0 {
            return None;
        }
        let enough = (share * all as f64).ceil() as u64;
        let mut bounds = self.up_to_bounds();
        let found = bounds.find(|(_, count)| *count >= enough);
        found.map(|(bound, _)| bound).or(BOUNDS.last().copied())
    }
}

/// Histograms by what was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnswerTimes {
    /// Announces to this tracker.
    pub announces: Histogram,
    /// Scrapes of this tracker, but for those of everything.
    pub scrapes: Histogram,
    /// Announces and scrapes that were forwarded.
    pub forwarded: Histogram,
}

/// Answers given since the loop last said how long a turn took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turn {
    pub announces: u64,
    pub scrapes: u64,
    /// Those that did not have to wait.
    pub forwarded: u64,
}

impl AnswerTimes {
    /// Enters the answers of a turn that took this long.
    pub(super) fn add(&mut self, turn: Turn, took: Duration) {
        for (histogram, answers) in [
            (&mut self.announces, turn.announces),
            (&mut self.scrapes, turn.scrapes),
            (&mut self.forwarded, turn.forwarded),
        ] {
            if answers > 0 {
                histogram.add(answers, took);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let mut histogram = Histogram::default();
        histogram.add(1, Duration::ZERO);
        histogram.add(2, Duration::from_micros(10));
        histogram.add(3, Duration::from_nanos(10_001));
        histogram.add(4, Duration::from_secs(10));
        histogram.add(5, Duration::from_secs(11));
        let counts: Vec<u64> = histogram.up_to_bounds().map(|(_, count)| count).collect();
        assert_eq!(counts[..3], [3, 6, 6]);
        assert_eq!(counts[17..], [6, 10]);
        assert_eq!(histogram.count(), 15);
        assert!((histogram.sum_seconds() - 95.000_050_003).abs() < 1e-12);
    }

    #[test]
    fn quantiles_are_bounds() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        histogram.add(99, Duration::from_micros(15));
        histogram.add(1, Duration::from_millis(3));
        let at = |share| histogram.quantile(share);
        assert_eq!(at(0.5), Some(Duration::from_micros(20)));
        assert_eq!(at(0.99), Some(Duration::from_micros(20)));
        assert_eq!(at(0.995), Some(Duration::from_millis(5)));
        histogram.add(1_000, Duration::from_secs(60));
        assert_eq!(histogram.quantile(0.5), Some(Duration::from_secs(10)));
    }

    #[test]
    fn what_is_new_and_what_was_make_what_is() {
        let mut histogram = Histogram::default();
        histogram.add(3, Duration::from_micros(40));
        let earlier = histogram.clone();
        histogram.add(5, Duration::from_secs(1));
        let mut sum = earlier.clone();
        sum.merge(&histogram.since(&earlier));
        assert_eq!(sum, histogram);
        assert_eq!(histogram.since(&earlier).count(), 5);
    }
}
