import CHakmemShims

/// Files, by descriptors of the kernel.
extension SystemCalls {
  /// Reads up to `capacity` bytes of a file from its start. Returns the count, -1 on failure.
  package static func readFile(
    _ path: StaticString, into buffer: UnsafeMutablePointer<UInt8>, capacity: Int
  ) -> Int {
    readFile(path.utf8Start, into: buffer, capacity: capacity)
  }

  /// As above, for a path that was put together.
  package static func readFile(
    _ path: UnsafePointer<UInt8>, into buffer: UnsafeMutablePointer<UInt8>, capacity: Int
  ) -> Int {
    guard let descriptor = open(path) else { return -1 }
    var count = 0
    while count < capacity {
      let step = read(descriptor, into: buffer + count, capacity - count)
      guard step > 0 else { break }
      count += step
    }
    close(descriptor)
    return count
  }

  /// Opens a file for reading; nil when that fails.
  package static func open(_ path: UnsafePointer<UInt8>) -> Int? {
    let currentDirectory = -100
    let readOnlyCloseOnExec = 0x80000
    let descriptor = hakmem_system_call6(
      HAKMEM_SYS_openat, currentDirectory, Int(bitPattern: path), readOnlyCloseOnExec, 0, 0, 0)
    return descriptor >= 0 ? descriptor : nil
  }

  /// The bytes read, 0 at the end of the file, negative on failure.
  package static func read(
    _ descriptor: Int, into buffer: UnsafeMutablePointer<UInt8>, _ capacity: Int
  ) -> Int {
    hakmem_system_call3(HAKMEM_SYS_read, descriptor, Int(bitPattern: buffer), capacity)
  }

  package static func close(_ descriptor: Int) {
    _ = hakmem_system_call3(HAKMEM_SYS_close, descriptor, 0, 0)
  }

  /// Makes a file that did not exist, of `byteCount` bytes that the disk has room for, and maps it
  /// shared. Writing to it cannot fail later. Nil when any of this is refused.
  package static func mapNewFile(_ path: UnsafePointer<UInt8>, byteCount: UInt) -> UInt? {
    let currentDirectory = -100
    let createNewCloseOnExec = 0o2000302
    let descriptor = hakmem_system_call6(
      HAKMEM_SYS_openat, currentDirectory, Int(bitPattern: path), createNewCloseOnExec, 0o600, 0, 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let isRoomy =
      hakmem_system_call6(
        HAKMEM_SYS_fallocate, descriptor, 0, 0, Int(bitPattern: byteCount), 0, 0) == 0
    guard isRoomy else { return nil }
    let shared = 1
    let result = hakmem_system_call6(
      HAKMEM_SYS_mmap, 0, Int(bitPattern: byteCount), Protection.readWrite.bits, shared,
      descriptor, 0)
    return isError(result) ? nil : UInt(bitPattern: result)
  }

  package static func removeFile(_ path: UnsafePointer<UInt8>) {
    let currentDirectory = -100
    _ = hakmem_system_call3(HAKMEM_SYS_unlinkat, currentDirectory, Int(bitPattern: path), 0)
  }

  package static func writeAll(to descriptor: Int, _ bytes: UnsafePointer<UInt8>, _ count: Int) {
    let interrupted = -4
    var written = 0
    while written < count {
      let step = hakmem_system_call3(
        HAKMEM_SYS_write, descriptor, Int(bitPattern: bytes + written),
        count - written)
      if step == interrupted { continue }
      guard step > 0 else { return }
      written += step
    }
  }
}
