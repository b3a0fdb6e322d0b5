//! How many blocks the scans of a JPEG hold.

/// What a frame header says.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) is_progressive: bool,
    width: usize,
    height: usize,
    components: Vec<Component>,
}

#[derive(Debug)]
struct Component {
    id: u8,
    /// Samples across and down, of the largest number of any component.
    sampling: [usize; 2],
}

/// A component in a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Coded {
    /// Its blocks in a unit.
    pub(super) blocks: usize,
    /// Numbers of its Huffman tables, for the first coefficients and for the others.
    pub(super) tables: [usize; 2],
}

/// What a scan header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) components: Vec<Coded>,
    /// Minimum coded units: blocks, or groups of them where components are interleaved.
    pub(super) units: usize,
    /// Bytes of its data where that is no code but one bit of each block (a refinement of first coefficients).
    pub(super) plain_bytes: Option<usize>,
}

impl Frame {
    /// Reads a frame header, without its marker and length; none where it says nothing or is not known.
    pub(super) fn parse(is_progressive: bool, segment: &[u8]) -> Option<Self> {
        let (&[_, h0, h1, w0, w1, count], rest) = segment.split_first_chunk()?;
        let (height, width) = (u16::from_be_bytes([h0, h1]).into(), u16::from_be_bytes([w0, w1]).into());
        let component = |entry: &[u8]| {
            let sampling = [entry[1] >> 4, entry[1] & 15].map(usize::from);
            Component { id: entry[0], sampling }
        };
        let components: Vec<Component> = rest.chunks_exact(3).map(component).collect();
        let is_sampled = components.iter().all(|component| !component.sampling.contains(&0));
        let is_known = width > 0 && height > 0 && !components.is_empty() && components.len() == usize::from(count);
        (is_sampled && is_known).then_some(Self { is_progressive, width, height, components })
    }

    /// Reads a scan header, without its marker and length.
    pub(super) fn scan(&self, segment: &[u8]) -> Option<Scan> {
        let (&count, entries) = segment.split_first()?;
        let (entries, progress) = entries.split_at_checked(2 * usize::from(count))?;
        let entries = entries.chunks_exact(2);
        let find = |id: u8| self.components.iter().find(|component| component.id == id);
        let members: Vec<&Component> = entries.clone().map(|entry| find(entry[0])).collect::<Option<_>>()?;
        let most = |axis: usize| self.components.iter().map(|component| component.sampling[axis]).max().unwrap_or(1);
        let is_alone = members.len() == 1;
        let units = |side: usize, axis: usize| match members[..] {
            // A component alone comes block by block, without those that only fill up its groups.
            [alone] => (side * alone.sampling[axis]).div_ceil(most(axis)).div_ceil(8),
            _ => side.div_ceil(8 * most(axis)),
        };
        let coded = |(component, entry): (&&Component, &[u8])| Coded {
            blocks: if is_alone { 1 } else { component.sampling.iter().product() },
            tables: [entry[1] >> 4, entry[1] & 15].map(usize::from),
        };
        let components: Vec<Coded> = members.iter().zip(entries).map(coded).collect();
        let units = units(self.width, 0) * units(self.height, 1);
        let blocks: usize = components.iter().map(|component| units * component.blocks).sum();
        let is_plain = self.is_progressive && matches!(progress, &[0, 0, bits] if bits >> 4 > 0);
        Some(Scan { components, units, plain_bytes: is_plain.then(|| blocks.div_ceil(8)) })
    }

    /// Whether a scan holds all that the image has.
    pub(super) fn is_all_in(&self, scan: &Scan) -> bool {
        !self.is_progressive && scan.components.len() == self.components.len()
    }
}

impl Scan {
    /// Whether so many restart markers are as many as an interval asks for; one more at the very end is allowed.
    pub(super) fn can_have(&self, restarts: usize, interval: usize) -> bool {
        let Some(full) = self.units.checked_div(interval) else { return restarts == 0 };
        restarts == self.units.div_ceil(interval) - 1 || restarts == full && self.units.is_multiple_of(interval)
    }
}
