//! The five codecs of record batches, with a limit on what comes out.
//!
//! The broker stores batches as they came; it looks inside only to compact a topic and to find a timestamp.

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::io::{self, Read, Write};

/// How Java's snappy library begins what it writes; plain snappy has no such head.
const XERIAL_MAGIC: &[u8] = b"\x82SNAPPY\x00";
const XERIAL_HEAD_BYTES: usize = 16;
const XERIAL_BLOCK_BYTES: usize = 32 * 1024;

/// What a batch's records are compressed with: the lowest three bits of its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Snappy, bare or in Java's blocks.
    Snappy,
    /// An LZ4 frame.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Codec {
    /// The codec of a batch with these attributes, if it is a known one.
    pub fn of(attributes: i16) -> Option<Codec> {
        match attributes & 7 {
            0 => Some(Codec::None),
            1 => Some(Codec::Gzip),
            2 => Some(Codec::Snappy),
            3 => Some(Codec::Lz4),
            4 => Some(Codec::Zstd),
            _ => None,
        }
    }

    /// The bytes that were compressed; an error where they are more than `bytes_max`.
    pub fn decompress(self, data: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
        match self {
            Codec::None => Ok(data.to_vec()),
            Codec::Gzip => read_limited(MultiGzDecoder::new(data), bytes_max),
            Codec::Snappy => snappy(data, bytes_max),
            Codec::Lz4 => read_limited(lz4::Decoder::new(data)?, bytes_max),
            Codec::Zstd => read_limited(zstd::stream::read::Decoder::new(data)?, bytes_max),
        }
    }

    /// The same bytes compressed.
    pub fn compress(self, data: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Codec::None => Ok(data.to_vec()),
            Codec::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(data)?;
                encoder.finish()
            }
            Codec::Snappy => xerial(data),
            Codec::Lz4 => {
                let mut encoder =
                    lz4::EncoderBuilder::new().block_mode(lz4::BlockMode::Independent).build(Vec::new())?;
                encoder.write_all(data)?;
                let (bytes, outcome) = encoder.finish();
                outcome.map(|()| bytes)
            }
            Codec::Zstd => zstd::stream::encode_all(data, 0),
        }
    }
}

fn read_limited(reader: impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    match bytes.len() > bytes_max {
        true => Err(too_large(bytes_max)),
        false => Ok(bytes),
    }
}

fn too_large(bytes_max: usize) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("decompresses to more than {bytes_max} bytes"))
}

fn snappy(data: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
    if !data.starts_with(XERIAL_MAGIC) {
        return snappy_block(data, bytes_max);
    }
    let mut rest = data.get(XERIAL_HEAD_BYTES..).unwrap_or_default();
    let mut bytes = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let block = after.get(..length).ok_or(io::ErrorKind::UnexpectedEof)?;
        bytes.extend(snappy_block(block, bytes_max - bytes.len())?);
        rest = &after[length..];
    }
    Ok(bytes)
}

fn snappy_block(data: &[u8], bytes_max: usize) -> io::Result<Vec<u8>> {
    let length = snap::raw::decompress_len(data).map_err(io::Error::other)?;
    if length > bytes_max {
        return Err(too_large(bytes_max));
    }
    snap::raw::Decoder::new().decompress_vec(data).map_err(io::Error::other)
}

fn xerial(data: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = [XERIAL_MAGIC, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
    for block in data.chunks(XERIAL_BLOCK_BYTES) {
        let block = snap::raw::Encoder::new().compress_vec(block).map_err(io::Error::other)?;
        bytes.extend((block.len() as u32).to_be_bytes());
        bytes.extend(block);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_gives_back_what_it_was_given_and_no_more_than_allowed() {
        let data: Vec<u8> = (0..100_000u32).map(|i| (i / 7) as u8).collect();
        for attributes in 0..5 {
            let codec = Codec::of(attributes).unwrap();
            let packed = codec.compress(&data).unwrap();
            assert_eq!(codec.decompress(&packed, data.len()).unwrap(), data, "{codec:?}");
            if codec != Codec::None {
                assert!(packed.len() < data.len(), "{codec:?}");
                assert!(codec.decompress(&packed, data.len() - 1).is_err(), "{codec:?}");
            }
        }
        assert_eq!(Codec::of(5), None);
    }

    #[test]
    fn garbage_is_an_error() {
        for attributes in 1..5 {
            assert!(Codec::of(attributes).unwrap().decompress(&[7; 50], 1 << 20).is_err());
        }
    }
}
