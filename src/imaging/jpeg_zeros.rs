//! How many zeros in a row the data of a JPEG's scan can hold.

use crate::imaging::jpeg_frame::Coded;

/// Coefficients of a block.
const COEFFICIENTS: usize = 64;
/// Kinds of Huffman tables (first coefficients and the others), and tables of a kind.
const TABLES: (usize, usize) = (2, 4);

/// What zero bits mean in each of a JPEG's Huffman tables.
#[derive(Debug, Default)]
pub(super) struct ZeroCodes([[Option<Code>; TABLES.1]; TABLES.0]);

/// The code that is made of zeros.
#[derive(Clone, Copy, Debug)]
struct Code {
    length: usize,
    symbol: u8,
}

impl Code {
    /// Bits of the code and of the value behind it.
    fn bits(self) -> usize {
        self.length + usize::from(self.symbol & 15)
    }
}

impl ZeroCodes {
    /// Reads the tables of a segment, which replace those of the same number.
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

    /// Zero bytes in a row that hold a whole block in which every coefficient is the same negative number, which no
    /// image has; none where zeros may mean that blocks are empty.
    pub(super) fn too_many(&self, components: &[Coded]) -> Option<usize> {
        let (mut longest, mut between) = (0, 0);
        for component in components {
            let code = |kind: usize| self.0[kind].get(component.tables[kind]).copied().flatten();
            let (first, others) = (code(0)?, code(1)?);
            if others.symbol == 0 {
                between += component.blocks * (first.bits() + others.length);
            } else {
                let codes = (COEFFICIENTS - 1).div_ceil(usize::from(others.symbol >> 4) + 1);
                longest = longest.max(first.bits() + codes * others.bits());
            }
        }
        // The rest of a block, blocks that may be empty, the beginning of a block; and bits that fill no byte.
        (longest > 0).then(|| (2 * longest + between).div_ceil(8) + 1)
    }
}

/// Whether so many zero bytes come in a row. Those at the end may fill up and do not count.
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

    /// The standard's table of this kind for luma or chroma, as far as the zeros go.
    fn table(kind_and_number: u8, shortest: usize, symbol: u8) -> Vec<u8> {
        let mut segment = vec![0; 17];
        (segment[0], segment[shortest]) = (kind_and_number, 1);
        segment.push(symbol);
        segment
    }

    #[test]
    fn zeros_end_where_the_tables_say() {
        let mut codes = ZeroCodes::default();
        let luma = Coded { blocks: 4, tables: [0, 0] };
        let chroma = Coded { blocks: 1, tables: [1, 1] };
        assert_eq!(codes.too_many(&[luma]), None);
        codes.read(&[table(0x00, 2, 0), table(0x10, 2, 1), table(0x01, 2, 0), table(0x11, 2, 0)].concat());
        // 2 + 63 * 3 bits a block of luma, and 4 bits for each empty block of chroma.
        assert_eq!(codes.too_many(&[luma, chroma, chroma]), Some((2 * 191 + 8_usize).div_ceil(8) + 1));
        assert_eq!(codes.too_many(&[chroma]), None);
    }

    #[test]
    fn zeros_in_a_row_are_found_wherever_they_are() {
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
