import CHakmemTrace
import HakmemPlatform
import Synchronization

/// A trace while it is written, through a shared mapping of the file's end: a record is in the file
/// once it is stored, whatever becomes of the process, and zeros, which end a trace, follow it.
/// Documentation/trace-format.md describes the format. All zero is a valid state: not open.
package struct TraceFile: ~Copyable {
  /// Why a file is not opened, or not written any further.
  package enum Failure {
    case system(error: Int)
    case notRegular
    /// The file exists and holds something else.
    case notTrace
    /// The process of that number, 0 when not known, is writing it.
    case busy(UInt32)
    /// The program has closed the descriptor, and the name leads to another file.
    case lost
  }

  private static let pathCapacity = 4096
  private static let firstWindowBytes: UInt = 1 << 18
  private static let largestWindowBytes: UInt = 1 << 24
  /// A code and three numbers of at most ten bytes, and a change of threads before.
  private static let longestRecords: UInt = 64

  private enum HeaderOffset {
    static let version: UInt = 8
    static let size: UInt = 12
    static let calls: UInt = 16
    static let threads: UInt = 24
    static let process: UInt = 28
  }

  private var path: UInt = 0
  private var descriptor = 0
  private var identity = FileDescriptor.Identity()
  /// The first page of the file.
  private var header: UInt = 0
  private var window: UInt = 0
  private var windowBytes: UInt = 0
  private var windowOffset: UInt = 0
  /// Where the next record will be stored, inside the window.
  private var cursor: UInt = 0
  private var fileBytes: UInt = 0

  package init() {}

  /// The absolute name of the file, for messages; nil before `open`.
  package var name: UnsafePointer<UInt8>? {
    path == 0 ? nil : UnsafePointer(Memory.pointer(at: path, to: UInt8.self))
  }

  package var callCount: UInt {
    header == 0 ? 0 : Memory.loadWord(at: header &+ HeaderOffset.calls)
  }

  /// Whether each process has a file of its own.
  package static func isNamedByProcess(_ pattern: UnsafePointer<UInt8>) -> Bool {
    var index = 0
    while pattern[index] != 0, !isProcessMark(pattern, index) { index += 1 }
    return pattern[index] != 0
  }

  // MARK: Opening

  /// Opens the file that `pattern` names and empties it.
  package mutating func open(_ pattern: UnsafePointer<UInt8>) -> Failure? {
    guard let page = SystemCalls.map(byteCount: UInt(Self.pathCapacity), protection: .readWrite)
    else { return .system(error: FileDescriptor.ErrorNumber.noMemory) }
    path = page
    guard expand(pattern) else {
      return .system(error: FileDescriptor.ErrorNumber.nameTooLong)
    }
    let opened = FileDescriptor.open(Memory.pointer(at: path), creating: true)
    guard opened >= 0 else { return .system(error: opened) }
    let file = FileDescriptor(number: opened).movedOutOfTheWay()
    if let failure = begin(file) {
      file.close()
      return failure
    }
    return nil
  }

  /// Writes the absolute name, with the process's number for each «%p», to `path`; false when it is
  /// too long.
  private func expand(_ pattern: UnsafePointer<UInt8>) -> Bool {
    let bytes: UnsafeMutablePointer<UInt8> = Memory.pointer(at: path)
    var length = 0
    if pattern[0] != UInt8(ascii: "/"),
      SystemCalls.currentDirectory(into: bytes, capacity: Self.pathCapacity)
    {
      while bytes[length] != 0 { length += 1 }
    }
    let room = Self.pathCapacity - length
    var text = Text(bytes + length, capacity: room)
    if length > 1 { text.append("/") }
    var index = 0
    while pattern[index] != 0 {
      if Self.isProcessMark(pattern, index) {
        text.append(UInt(SystemCalls.processID()))
        index += 2
      } else {
        text.append(byte: pattern[index])
        index += 1
      }
    }
    text.terminate()
    return text.count < room
  }

  private static func isProcessMark(_ pattern: UnsafePointer<UInt8>, _ index: Int) -> Bool {
    pattern[index] == UInt8(ascii: "%") && pattern[index + 1] == UInt8(ascii: "p")
  }

  private mutating func begin(_ file: FileDescriptor) -> Failure? {
    guard let identity = file.identity, identity.isRegular else { return .notRegular }
    if file.lock() == FileDescriptor.ErrorNumber.wouldBlock {
      var process: UInt32 = 0
      withUnsafeMutablePointer(to: &process) {
        _ = file.read(into: UInt(bitPattern: $0), 4, from: Int(HeaderOffset.process))
      }
      return .busy(process)
    }
    guard isEmptyOrTrace(file) else { return .notTrace }
    let emptied = file.truncate(to: 0)
    guard emptied == 0 else { return .system(error: emptied) }
    descriptor = file.number
    self.identity = identity
    if let failure = moveWindow() { return failure }
    guard let header = file.map(from: 0, byteCount: ProcessFacts.systemPageBytes) else {
      return .system(error: FileDescriptor.ErrorNumber.noMemory)
    }
    self.header = header
    writeHeader()
    cursor &+= UInt(HAKMEM_TRACE_HEADER_SIZE)
    return nil
  }

  private func isEmptyOrTrace(_ file: FileDescriptor) -> Bool {
    var word: UInt = 0
    return withUnsafeMutablePointer(to: &word) {
      let found = UInt(bitPattern: $0)
      if !file.read(into: found, 1, from: 0) { return true }
      return file.read(into: found, Int(HeaderOffset.version), from: 0)
        && Memory.loadWord(at: found) == Memory.loadWord(at: UInt(bitPattern: hakmem_trace_magic()))
    }
  }

  private func writeHeader() {
    func store(_ value: Int32, at offset: UInt) {
      Memory.pointer(at: header &+ offset).pointee = value
    }
    Memory.copy(from: UInt(bitPattern: hakmem_trace_magic()), to: header, HeaderOffset.version)
    store(HAKMEM_TRACE_VERSION, at: HeaderOffset.version)
    store(HAKMEM_TRACE_HEADER_SIZE, at: HeaderOffset.size)
    store(Int32(bitPattern: SystemCalls.processID()), at: HeaderOffset.process)
  }

  // MARK: Records

  /// Makes sure that the next records, of one call, have room.
  package mutating func makeRoom() -> Failure? {
    cursor &+ Self.longestRecords <= window &+ windowBytes ? nil : moveWindow()
  }

  /// Writes a record of a call; `makeRoom` came before.
  package mutating func append(_ code: hakmem_trace_record, _ numbers: Numbers) {
    var end = cursor &+ 1
    if numbers.count > 0 { end = put(numbers.first, at: end) }
    if numbers.count > 1 { end = put(numbers.second, at: end) }
    if numbers.count > 2 { end = put(numbers.third, at: end) }
    // Last, for until then the trace ends here.
    Memory.pointer(at: cursor, to: Atomic<UInt8>.self).pointee.store(
      UInt8(truncatingIfNeeded: code.rawValue), ordering: .releasing)
    cursor = end
  }

  /// Up to three numbers of a record.
  package struct Numbers {
    let count: Int
    let first: UInt
    let second: UInt
    let third: UInt

    package init(_ first: UInt) { self.init(1, first, 0, 0) }
    package init(_ first: UInt, _ second: UInt) { self.init(2, first, second, 0) }
    package init(_ first: UInt, _ second: UInt, _ third: UInt) {
      self.init(3, first, second, third)
    }
    package static var none: Numbers { Numbers(0, 0, 0, 0) }
    private init(_ count: Int, _ first: UInt, _ second: UInt, _ third: UInt) {
      self.count = count
      self.first = first
      self.second = second
      self.third = third
    }
  }

  package func countCall(threads: UInt) {
    Memory.storeWord(callCount &+ 1, at: header &+ HeaderOffset.calls)
    Memory.pointer(at: header &+ HeaderOffset.threads).pointee = UInt32(truncatingIfNeeded: threads)
  }

  private func put(_ value: UInt, at start: UInt) -> UInt {
    var rest = value
    var address = start
    while rest >= 0x80 {
      Memory.pointer(at: address).pointee = UInt8(truncatingIfNeeded: rest) | 0x80
      rest >>= 7
      address &+= 1
    }
    Memory.pointer(at: address).pointee = UInt8(truncatingIfNeeded: rest)
    return address &+ 1
  }

  // MARK: The window

  private var position: UInt { windowOffset &+ (cursor &- window) }

  /// Maps the file from the page of the next record on, after it was made longer.
  private mutating func moveWindow() -> Failure? {
    let position = self.position
    let bytes = min(max(windowBytes &* 2, Self.firstWindowBytes), Self.largestWindowBytes)
    let offset = position.roundedDown(to: ProcessFacts.systemPageBytes)
    guard recoverDescriptor() else { return .lost }
    let file = FileDescriptor(number: descriptor)
    if offset &+ bytes > fileBytes {
      let error = file.extend(from: fileBytes, to: offset &+ bytes)
      guard error == 0 else { return .system(error: error) }
      fileBytes = offset &+ bytes
    }
    guard let mapped = file.map(from: offset, byteCount: bytes) else {
      return .system(error: FileDescriptor.ErrorNumber.noMemory)
    }
    if window != 0 { SystemCalls.unmap(window, windowBytes) }
    window = mapped
    windowBytes = bytes
    windowOffset = offset
    cursor = mapped &+ (position &- offset)
    return nil
  }

  /// Makes sure that the descriptor is the file's: programs close what they do not know.
  private mutating func recoverDescriptor() -> Bool {
    if hasDescriptor { return true }
    let opened = FileDescriptor.open(Memory.pointer(at: path), creating: false)
    guard opened >= 0 else { return false }
    let file = FileDescriptor(number: opened).movedOutOfTheWay()
    guard file.identity == identity, file.lock() == 0 else {
      file.close()
      return false
    }
    descriptor = file.number
    return true
  }

  private var hasDescriptor: Bool {
    FileDescriptor(number: descriptor).identity == identity
  }

  // MARK: The end

  /// Gives back what the file has beyond the page of the next record; more records may follow.
  package mutating func trim() {
    let end = position.roundedUp(to: ProcessFacts.systemPageBytes)
    guard hasDescriptor, end < fileBytes else { return }
    let bytesToKeep = end &- windowOffset
    if bytesToKeep < windowBytes {
      SystemCalls.unmap(window &+ bytesToKeep, windowBytes &- bytesToKeep)
      windowBytes = bytesToKeep
    }
    if FileDescriptor(number: descriptor).truncate(to: end) == 0 { fileBytes = end }
  }

  /// Cuts the file off after the last record; nothing follows.
  package mutating func close() {
    guard hasDescriptor else { return }
    let file = FileDescriptor(number: descriptor)
    _ = file.truncate(to: position)
    file.close()
  }

  /// Closes the descriptor in a process that does not own the file.
  package func abandon() {
    if hasDescriptor { FileDescriptor(number: descriptor).close() }
  }
}
