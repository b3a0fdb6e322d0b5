//! Detection of scan data that was replaced by zeros: the longest run of zeros that valid data can have.

use crate::imaging::jpeg_frame::ScanComponent;

/// Coefficients per block.
const COEFFICIENTS: usize = 64;
/// Kinds of Huffman tables (DC, AC), and tables of each kind.
const TABLES: (usize, usize) = (2, 4);

/// The all-zeros code in each of a JPEG's Huffman tables.
#[derive(Debug, Default)]
pub(super) struct ZeroCodes([[Option<Code>; TABLES.1]; TABLES.0]);

/// The Huffman code that consists of zeros, which is the first of the shortest codes.
#[derive(Clone, Copy, Debug)]
struct Code {
    length: usize,
    symbol: u8,
}

impl Code {
    /// Returns the number of bits of the code and the value after it.
    fn bits(self) -> usize {
        self.length + usize::from(self.symbol & 15)
    }
}

impl ZeroCodes {
    /// Reads the tables of a segment, which replace those with the same index.
    pub(super) fn read(&mut self, mut segment: &[u8]) {
        while let Some((&[kind_and_number, ref counts @ ..], symbols)) = segment.split_first_chunk::<17>() {
            let (kind, number) = (usize::from(kind_and_number >> 4), usize::from(kind_and_number & 15));
            let shortest = counts.iter().position(|&count| count > 0);
            let code = shortest.zip(symbols.first()).map(|(at, &symbol)| Code { length: at + 1, symbol });
            if let Some(table) = self.0.get_mut(kind).and_then(|tables| tables.get_mut(number)) {
                *table = code;
            }
            let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
            segment = symbols.get(total..).unwrap_or_default();
        }
    }

    /// Returns the number of consecutive zero bytes that would contain a whole block in which every coefficient is the
    /// same negative number, which no image has; `None` if zeros may encode empty blocks.
    pub(super) fn impossible_run(&self, components: &[ScanComponent]) -> Option<usize> {
        let (mut max_bits, mut empty_bits) = (0, 0);
        for component in components {
            let code = |kind: usize| self.0[kind].get(component.tables[kind]).copied().flatten();
            let (first, others) = (code(0)?, code(1)?);
            if others.symbol == 0 {
                empty_bits += component.blocks * (first.bits() + others.length);
            } else {
                let codes = (COEFFICIENTS - 1).div_ceil(usize::from(others.symbol >> 4) + 1);
                max_bits = max_bits.max(first.bits() + codes * others.bits());
            }
        }
        // The end of a block, possibly empty blocks, the start of a block, and bits that do not fill a byte.
        (max_bits > 0).then(|| (2 * max_bits + empty_bits).div_ceil(8) + 1)
    }
}

/// Returns whether the data has a run of at least `count` zero bytes. Zeros at the end may be padding and do not count.
pub(super) fn has_zeros(data: &[u8], count: usize) -> bool {
    let data = &data[..data.iter().rposition(|&byte| byte != 0).unwrap_or_default()];
    let step = count.div_ceil(2).max(1);
    (step - 1..data.len()).step_by(step).any(|at| {
        let zeros = |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|&&byte| byte == 0).take(count).count();
        data[at] == 0 && zeros(&mut data[..at].iter().rev()) + zeros(&mut data[at..].iter()) >= count
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a segment with a table whose shortest code has this length and symbol.
    fn table(kind_and_number: u8, shortest: usize, symbol: u8) -> Vec<u8> {
        let mut segment = vec![0; 17];
        (segment[0], segment[shortest]) = (kind_and_number, 1);
        segment.push(symbol);
        segment
    }

    #[test]
    fn impossible_runs_follow_from_the_tables() {
        let mut codes = ZeroCodes::default();
        let luma = ScanComponent { blocks: 4, tables: [0, 0] };
        let chroma = ScanComponent { blocks: 1, tables: [1, 1] };
        assert_eq!(codes.impossible_run(&[luma]), None);
        codes.read(&[table(0x00, 2, 0), table(0x10, 2, 1), table(0x01, 2, 0), table(0x11, 2, 0)].concat());
        // 2 + 63 * 3 bits per block of luma, and 4 bits for each empty block of chroma.
        assert_eq!(codes.impossible_run(&[luma, chroma, chroma]), Some((2 * 191 + 8_usize).div_ceil(8) + 1));
        assert_eq!(codes.impossible_run(&[chroma]), None);
    }

    #[test]
    fn runs_of_zeros_are_found_anywhere() {
        for count in [1, 2, 7, 50] {
            for start in 0..60 {
                let mut data = vec![1; 120];
                data[start..start + count].fill(0);
                assert!(has_zeros(&data, count), "{count} from {start}");
                assert!(!has_zeros(&data, count + 1), "{count} from {start}");
            }
        }
        assert!(!has_zeros(&[], 1));
    }
}
