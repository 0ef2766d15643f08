import CHakmemShims

/// An open file. Errors are the kernel's, negative; 0 is success.
package struct FileDescriptor {
  package let number: Int

  package init(number: Int) { self.number = number }

  /// Errors of open(2) and others that the allocator tells apart or puts into words.
  package enum ErrorNumber {
    package static let wouldBlock = -11
    package static let noMemory = -12
    package static let invalid = -22
    package static let tooLarge = -27
    package static let nameTooLong = -36
    static let notImplemented = -38
    static let notSupported = -95
  }

  /// Which file it is, whatever its name.
  package struct Identity: Equatable {
    package var device: UInt64
    package var inode: UInt64
    package var isRegular: Bool

    package init(device: UInt64 = 0, inode: UInt64 = 0, isRegular: Bool = false) {
      self.device = device
      self.inode = inode
      self.isRegular = isRegular
    }
  }

  private static let readWriteCloseOnExec = 0x80002
  private static let createIt = 0x40

  /// Opens the file at `path` to read and write; descriptor or error.
  package static func open(_ path: UnsafePointer<UInt8>, creating: Bool) -> Int {
    let currentDirectory = -100
    let readableAndWritableByAll = 0o666
    return hakmem_system_call6(
      HAKMEM_SYS_openat, currentDirectory, Int(bitPattern: path),
      readWriteCloseOnExec | (creating ? createIt : 0), readableAndWritableByAll, 0, 0)
  }

  package func close() { _ = hakmem_system_call3(HAKMEM_SYS_close, number, 0, 0) }

  /// The same file under a number that programs are unlikely to use for their own ends. When the
  /// kernel gives none it stays as it is.
  package consuming func movedOutOfTheWay() -> FileDescriptor {
    let duplicateCloseOnExec = 1030
    let descriptors = 7
    let usualLimit: UInt = 1024
    let room: UInt = 24
    let limit = max(min(SystemCalls.softLimit(descriptors), usualLimit), room)
    let copy = hakmem_system_call3(
      HAKMEM_SYS_fcntl, number, duplicateCloseOnExec, Int(bitPattern: limit &- room))
    guard copy >= 0 else { return self }
    close()
    return FileDescriptor(number: copy)
  }

  /// Nil when the descriptor is not open.
  package var identity: Identity? {
    var facts = hakmem_file_facts()
    guard hakmem_learn_file_facts(number, &facts) == 0 else { return nil }
    return Identity(device: facts.device, inode: facts.inode, isRegular: facts.is_regular != 0)
  }

  /// Locks the file as flock(2) does, without waiting.
  package func lock() -> Int {
    let exclusiveWithoutWaiting = 6
    return hakmem_system_call3(HAKMEM_SYS_flock, number, exclusiveWithoutWaiting, 0)
  }

  package func truncate(to byteCount: UInt) -> Int {
    hakmem_system_call3(HAKMEM_SYS_ftruncate, number, Int(bitPattern: byteCount), 0)
  }

  /// Extends the file with zeros that have their place on the disk, so that a mapping of them can
  /// be written to.
  package func extend(from old: UInt, to new: UInt) -> Int {
    let fileSize = 1
    // Beyond this limit the kernel would send a signal.
    if new > SystemCalls.softLimit(fileSize) { return ErrorNumber.tooLarge }
    let result = hakmem_system_call6(
      HAKMEM_SYS_fallocate, number, 0, Int(bitPattern: old), Int(bitPattern: new &- old), 0, 0)
    guard result == ErrorNumber.notSupported || result == ErrorNumber.notImplemented else {
      return result
    }
    return writeZeros(from: old, to: new)
  }

  private func writeZeros(from old: UInt, to new: UInt) -> Int {
    let step: UInt = 1 << 16
    guard let zeros = SystemCalls.map(byteCount: step, protection: .read) else {
      return ErrorNumber.noMemory
    }
    defer { SystemCalls.unmap(zeros, step) }
    var offset = old
    while offset < new {
      let written = hakmem_system_call6(
        HAKMEM_SYS_pwrite64, number, Int(bitPattern: zeros),
        Int(bitPattern: min(step, new &- offset)), Int(bitPattern: offset), 0, 0)
      guard written > 0 else { return written }
      offset &+= UInt(bitPattern: written)
    }
    return 0
  }

  /// Maps part of the file so that what is stored there is in the file at once; nil when refused.
  package func map(from offset: UInt, byteCount: UInt) -> UInt? {
    let shared = 1
    let result = hakmem_system_call6(
      HAKMEM_SYS_mmap, 0, Int(bitPattern: byteCount), SystemCalls.Protection.readWrite.bits, shared,
      number, Int(bitPattern: offset))
    return result < 0 && result >= -4095 ? nil : UInt(bitPattern: result)
  }

  /// Reads exactly that many bytes; false when the file has fewer.
  package func read(into buffer: UInt, _ byteCount: Int, from offset: Int) -> Bool {
    hakmem_system_call6(
      HAKMEM_SYS_pread64, number, Int(bitPattern: buffer), byteCount, offset, 0, 0) == byteCount
  }
}

extension Text {
  /// Appends what an error of the kernel means.
  package mutating func append(error: Int) {
    switch error {
    case -2: append("no such file or directory")
    case -5: append("input or output error")
    case FileDescriptor.ErrorNumber.noMemory: append("no memory")
    case -13: append("permission denied")
    case -21: append("it is a directory")
    case -23, -24: append("too many open files")
    case FileDescriptor.ErrorNumber.tooLarge: append("file too large")
    case -28: append("no space left on the device")
    case -30: append("the file system is read-only")
    case FileDescriptor.ErrorNumber.nameTooLong: append("the name is too long")
    case -122: append("disk quota exceeded")
    default:
      append("error ")
      append(UInt(bitPattern: -error))
    }
  }
}
