/// What `HAKMEM_PREWARM` asks for: a total, or numbers of blocks by size.
///
///     64                      64 MiB of SuperSlabs for whatever comes
///     256=4096,1024=100       4096 blocks for requests of 256 bytes, 100 of 1024
///
/// The option's word is the total in MiB, or `isList` and the number of entries, which lie in the
/// storage then.
package enum PrewarmValue {
  package static let largestTotal: UInt = 1 << 20
  static let mostEntries = 16
  static let entryBytes = 16
  private static let isList: UInt = 1 << 63

  /// MiB of SuperSlabs; 0 when the option is a list.
  package static var total: UInt {
    let value = Option.prewarm.value
    return value & isList == 0 ? value : 0
  }

  /// Calls `body` with each size and number of blocks of a list.
  package static func forEachEntry(_ body: (_ size: UInt, _ blocks: UInt) -> Void) {
    let value = Option.prewarm.value
    guard value & isList != 0 else { return }
    for index in 0..<(value & ~isList) {
      let entry = PlatformStorage.prewarmEntries &+ index &* UInt(entryBytes)
      body(Memory.loadWord(at: entry), Memory.loadWord(at: entry &+ 8))
    }
  }

  /// The option's word for a text; nil when it does not parse. Sizes go up to `largestSize`.
  static func parse(_ text: UnsafePointer<UInt8>, largestSize: UInt = 256 << 10) -> UInt? {
    var index = 0
    guard let first = ByteText.number(in: text, &index) else { return nil }
    if text[index] == 0 { return first <= largestTotal ? first : nil }
    index = 0
    var count: UInt = 0
    while true {
      guard count < mostEntries, let size = ByteText.size(in: text, &index), size > 0,
        size <= largestSize, ByteText.skip("=", in: text, &index),
        let blocks = ByteText.number(in: text, &index), blocks <= 1 << 30
      else { return nil }
      let entry = PlatformStorage.prewarmEntries &+ count &* UInt(entryBytes)
      Memory.storeWord(size, at: entry)
      Memory.storeWord(blocks, at: entry &+ 8)
      count += 1
      if text[index] == 0 { return isList | count }
      guard ByteText.skip(",", in: text, &index) else { return nil }
    }
  }

  static func append(_ value: UInt, to text: inout Text) {
    guard value & isList != 0 else { return text.append(value) }
    var isFirst = true
    forEachEntry { size, blocks in
      if !isFirst { text.append(",") }
      isFirst = false
      text.append(size)
      text.append("=")
      text.append(blocks)
    }
  }
}
