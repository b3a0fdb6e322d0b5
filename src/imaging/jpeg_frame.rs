//! Frame and scan headers of a JPEG: how many blocks each scan has.

/// A parsed frame header.
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
    /// Horizontal and vertical sampling factors.
    sampling: [usize; 2],
}

/// A component in a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScanComponent {
    /// Blocks per minimum coded unit.
    pub(super) blocks: usize,
    /// Indices of its Huffman tables: DC, AC.
    pub(super) tables: [usize; 2],
}

/// A parsed scan header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) components: Vec<ScanComponent>,
    /// Number of minimum coded units: blocks, or groups of blocks if components are interleaved.
    pub(super) units: usize,
    /// Number of bytes of its data, if that is one plain bit per block instead of Huffman codes (a DC refinement).
    pub(super) plain_bytes: Option<usize>,
}

impl Frame {
    /// Parses a frame header, without its marker and length; `None` if it is invalid.
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

    /// Parses a scan header, without its marker and length.
    pub(super) fn scan(&self, segment: &[u8]) -> Option<Scan> {
        let (&count, entries) = segment.split_first()?;
        let (entries, progress) = entries.split_at_checked(2 * usize::from(count))?;
        let entries = entries.chunks_exact(2);
        let find = |id: u8| self.components.iter().find(|component| component.id == id);
        let members: Vec<&Component> = entries.clone().map(|entry| find(entry[0])).collect::<Option<_>>()?;
        let max_sampling =
            |axis: usize| self.components.iter().map(|component| component.sampling[axis]).max().unwrap_or(1);
        let is_alone = members.len() == 1;
        let units = |side: usize, axis: usize| match members[..] {
            // A single component is coded block by block, without the blocks that only pad its units.
            [alone] => (side * alone.sampling[axis]).div_ceil(max_sampling(axis)).div_ceil(8),
            _ => side.div_ceil(8 * max_sampling(axis)),
        };
        let coded = |(component, entry): (&&Component, &[u8])| ScanComponent {
            blocks: if is_alone { 1 } else { component.sampling.iter().product() },
            tables: [entry[1] >> 4, entry[1] & 15].map(usize::from),
        };
        let components: Vec<ScanComponent> = members.iter().zip(entries).map(coded).collect();
        let units = units(self.width, 0) * units(self.height, 1);
        let blocks: usize = components.iter().map(|component| units * component.blocks).sum();
        let is_plain = self.is_progressive && matches!(progress, &[0, 0, bits] if bits >> 4 > 0);
        Some(Scan { components, units, plain_bytes: is_plain.then(|| blocks.div_ceil(8)) })
    }

    /// Returns whether the scan has all the data of the image.
    pub(super) fn is_complete(&self, scan: &Scan) -> bool {
        !self.is_progressive && scan.components.len() == self.components.len()
    }
}

impl Scan {
    /// Returns whether the number of restart markers matches the restart interval; one extra at the very end is
    /// allowed.
    pub(super) fn allows_restarts(&self, restarts: usize, interval: usize) -> bool {
        let Some(full) = self.units.checked_div(interval) else { return restarts == 0 };
        restarts == self.units.div_ceil(interval) - 1 || restarts == full && self.units.is_multiple_of(interval)
    }
}
