/// The functions of an object by address, for naming what runs.
extension ELFFile {
  /// Functions in the order of their addresses, as they stand in the file.
  struct Functions {
    private struct Entry {
      var address: UInt64
      var byteCount: UInt64
      var name: UInt64
    }
    private var entries: [Entry] = []
    private var reader: ByteReader
    /// Whether the table is the loader's only: a stripped file, whose own functions have no names.
    private(set) var isStripped = true

    fileprivate init(_ file: ELFFile) {
      reader = file.reader
      guard file.architecture.is64Bit, !file.reader.isBigEndian else { return }
      let tables = file.symbolTables()
      guard let table = tables.first(where: \.isFull) ?? tables.first else { return }
      isStripped = !table.isFull
      file.reader.bytes.withUnsafeBytes { bytes in
        let symbolBytes = 24
        var offset = table.offset
        let end = min(table.offset + table.byteCount, bytes.count)
        while offset + symbolBytes <= end {
          let functionType: UInt8 = 2
          let indirectFunctionType: UInt8 = 10
          let type = bytes[offset + 4] & 15
          let section = bytes.loadUnaligned(fromByteOffset: offset + 6, as: UInt16.self)
          if type == functionType || type == indirectFunctionType, section != 0 {
            entries.append(
              Entry(
                address: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self),
                byteCount: bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self),
                name: UInt64(table.strings)
                  + UInt64(bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))))
          }
          offset += symbolBytes
        }
      }
      entries.sort { ($0.address, $0.byteCount) < ($1.address, $1.byteCount) }
    }

    /// The name of the function around an address of the file; nil when none is known.
    func name(at address: UInt64) -> String? {
      var low = 0
      var high = entries.count
      while low < high {
        let middle = (low + high) / 2
        if entries[middle].address <= address { low = middle + 1 } else { high = middle }
      }
      guard low > 0 else { return nil }
      let entry = entries[low - 1]
      // Assembly functions have no size.
      let isInside = address - entry.address < max(entry.byteCount, entry.byteCount == 0 ? 4096 : 0)
      return isInside ? reader.string(at: entry.name) : nil
    }
  }

  struct SymbolTable {
    var offset: Int
    var byteCount: Int
    var strings: Int
    var isFull: Bool
  }

  func functions() -> Functions { Functions(self) }

  func symbolTables() -> [SymbolTable] {
    guard let table = reader.number(at: 40, width: 8), table > 0,
      let entrySize = reader.number(at: 58, width: 2), let count = reader.number(at: 60, width: 2)
    else { return [] }
    let full: UInt64 = 2
    let dynamic: UInt64 = 11
    var tables: [SymbolTable] = []
    for index in 0..<count {
      let base = table + index * entrySize
      guard let type = reader.number(at: base + 4, width: 4), type == full || type == dynamic,
        let offset = reader.number(at: base + 24, width: 8),
        let size = reader.number(at: base + 32, width: 8),
        let link = reader.number(at: base + 40, width: 4),
        let strings = reader.number(at: table + link * entrySize + 24, width: 8),
        offset < UInt64(reader.bytes.count), size <= UInt64(reader.bytes.count)
      else { continue }
      tables.append(
        SymbolTable(
          offset: Int(offset), byteCount: Int(size), strings: Int(strings), isFull: type == full))
    }
    return tables
  }
}
