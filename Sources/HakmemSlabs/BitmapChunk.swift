import HakmemPages
import HakmemPlatform
import Synchronization

/// A bitmap for the slab of a class with small blocks: a bit for each block down to 16 bytes.
package enum BitmapChunk {
  private static let byteCount: UInt = Constants.granuleBytes / 16 / 8
  private static var spare: TaggedStack { TaggedStack(unsafeAt: SlabsStorage.bitmapChunks) }

  /// A chunk of zeroes; 0 when memory is exhausted.
  package static func take() -> UInt {
    let chunk = spare.pop()
    guard chunk != 0 else { return MetadataRegion.allocate(byteCount) }
    // The word that linked it; a thread that is late may still read it.
    TaggedStack.setNext(0, after: chunk)
    return chunk
  }

  /// Takes back a chunk whose words are zero.
  package static func putBack(_ chunk: UInt) { spare.push(chunk) }
}
