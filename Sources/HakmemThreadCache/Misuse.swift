import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import Synchronization

/// Reports on pointers that cannot be freed: what they are, then the end of the process.
package enum Misuse {
  /// What the program tried to do with the pointer.
  package enum Action {
    case allocate, free, reallocate, usableSize, freeSized, purge
    var text: StaticString {
      switch self {
      case .allocate: "malloc"
      case .free: "free"
      case .reallocate: "realloc"
      case .usableSize: "malloc_usable_size"
      case .freeSized: "free_sized"
      case .purge: "purge"
      }
    }
  }

  /// What is wrong with a block, seen while blocks are checked.
  package enum Damage {
    /// The byte at this offset, behind what was asked for, was written to.
    case overflow(at: UInt)
    /// The byte at this offset was written to after the block was freed.
    case writeAfterFree(at: UInt)
    case wrongSize(given: UInt, requested: UInt)
    case wrongAlignment(given: UInt)
    /// A free block is in use: two threads freed it at once.
    case inUse
  }

  package static func stop(
    _ action: Action, _ pointer: UInt, _ damage: Damage, _ site: CallSite = .unknown
  ) -> Never {
    stop(action, pointer, site) {
      switch damage {
      case .overflow(let offset):
        $0.append("heap overflow: byte ")
        $0.append(offset)
        $0.append(" was written to in ")
      case .writeAfterFree(let offset):
        $0.append("write after free: byte ")
        $0.append(offset)
        $0.append(" was written to in ")
      case .wrongSize(let given, let requested):
        $0.append("size mismatch: ")
        $0.append(given)
        $0.append(" B given, ")
        $0.append(requested)
        $0.append(" B were asked for: ")
      case .wrongAlignment(let given):
        $0.append("alignment mismatch: no multiple of ")
        $0.append(given)
        $0.append(": ")
      case .inUse:
        $0.append("double free: handed out while in use: ")
      }
    }
  }

  /// For pointers in a cache or the depot: the program freed them earlier, and maybe another thread.
  package static func report(_ pointer: UInt, _ rejection: Rejection) {
    SlabCounters.shared.pointee.corruptions.wrappingAdd(1, ordering: .relaxed)
    stop(.free, pointer, rejection, by: "seen later by thread ")
  }

  /// For pointers that are not live blocks, as the descriptors tell.
  package static func stop(_ action: Action, _ pointer: UInt, _ site: CallSite = .unknown) -> Never
  {
    stop(action, pointer, rejection(of: pointer), site)
  }

  private static func rejection(of pointer: UInt) -> Rejection {
    if EmptyBlocks.contains(pointer) {
      return pointer % EmptyBlocks.stride == 0 ? .alreadyFree : .interior
    }
    let record = SuperSlabRegistry.record(at: pointer)
    switch SpanKind.of(record: record) {
    case .slabs:
      guard let slab = Slab.around(pointer) else { return .alreadyFree }
      return slab.blockIndex(of: pointer) == nil ? .interior : .alreadyFree
    case .pageRuns:
      var isInside = false
      PageRuns.forEachRun(in: SuperSlab(unsafeRecord: record)) { start, byteCount, _ in
        if pointer &- start < byteCount, pointer != start { isInside = true }
      }
      return isInside ? .interior : .alreadyFree
    case .large, .unused:
      guard let region = LargeRegions.containing(pointer) else {
        if LargeRegions.wasFreed(pointer) { return .alreadyFree }
        return SpanKind.of(record: record) == .unused && record != 0 ? .alreadyFree : .foreign
      }
      return region.start == pointer || !region.isLive ? .alreadyFree : .interior
    }
  }

  package static func stop(
    _ action: Action, _ pointer: UInt, _ rejection: Rejection, _ site: CallSite = .unknown,
    by title: StaticString = byThread
  ) -> Never {
    stop(action, pointer, site, detail: rejection.number, by: title) {
      switch rejection {
      case .alreadyFree: $0.append("double free: ")
      case .interior: $0.append("interior pointer: ")
      case .foreign: $0.append("not a heap pointer: ")
      }
    }
  }

  /// In events, where `Rejection.number` has the others.
  private static let damage: UInt32 = 4
  package static let byThread: StaticString = "by thread "

  private static func stop(
    _ action: Action, _ pointer: UInt, _ site: CallSite, detail: UInt32 = damage,
    by title: StaticString = byThread, finding: (inout Text) -> Void
  ) -> Never {
    let callers = CallStack.capture(site)
    Events.record(.corruption, address: pointer, detail: detail)
    Text.message {
      $0.append("hakmem: ")
      $0.append(action.text)
      $0.append("(")
      $0.append(hex: pointer)
      $0.append("): ")
      finding(&$0)
      describe(pointer, to: &$0)
      $0.append("\n")
    }
    let map = MemoryMap()
    Text.message {
      $0.append("  the address lies in ")
      map.describe(pointer, to: &$0)
      $0.append("\n")
    }
    writeStack(title, SystemCalls.threadID(), callers, map)
    if GuardSampler.contains(pointer) { GuardSampler.writeStacks(pointer, map) }
    hakmem_abort()
  }

  /// Writes who did it, and from where: the callers' places in their files, innermost first.
  static func writeStack(
    _ title: StaticString, _ thread: UInt32, _ callers: CallStack.Frames,
    _ map: MemoryMap
  ) {
    var isKnown = false
    for depth in 0..<CallStack.maximumDepth where map.isExecutable(callers[depth]) {
      isKnown = true
    }
    Text.message {
      $0.append("  ")
      $0.append(title)
      $0.append(UInt(thread))
      $0.append(isKnown ? ":\n" : ", whose callers keep no frame pointers\n")
    }
    for depth in 0..<CallStack.maximumDepth where map.isExecutable(callers[depth]) {
      Text.message {
        $0.append("    ")
        $0.append(hex: callers[depth])
        $0.append(" ")
        map.describe(callers[depth], to: &$0)
        $0.append("\n")
      }
    }
  }

  /// Appends what lies at an address.
  package static func describe(_ pointer: UInt, to text: inout Text) {
    if GuardSampler.contains(pointer) { return GuardSampler.describe(pointer, to: &text) }
    if EmptyBlocks.contains(pointer) {
      return text.append(
        EmptyBlocks.isLive(pointer.roundedDown(to: EmptyBlocks.stride))
          ? "the block of 0 B" : "the block of 0 B that is free")
    }
    let record = SuperSlabRegistry.record(at: pointer)
    switch SpanKind.of(record: record) {
    case .slabs: describeInSlabs(pointer, SuperSlab(unsafeRecord: record), to: &text)
    case .pageRuns: describeInRuns(pointer, SuperSlab(unsafeRecord: record), to: &text)
    case .large, .unused:
      guard let region = LargeRegions.containing(pointer) else {
        return text.append(
          LargeRegions.wasFreed(pointer)
            ? "a large block that was unmapped began there" : "no block of this heap lies there")
      }
      appendPlace(pointer, region.start, region.byteCount, to: &text)
      text.append(region.isLive ? "large block" : "large block that is free")
    }
  }

  private static func describeInSlabs(
    _ pointer: UInt, _ superSlab: SuperSlab, to text: inout Text
  ) {
    guard let slab = Slab.around(pointer) else { return text.append("in an unused slab") }
    let start = slab.blockStart(around: pointer)
    appendPlace(pointer, start, slab.sizeClass.blockBytes, to: &text)
    text.append("block of size class ")
    text.append(UInt(slab.sizeClass.number))
    text.append(" (")
    text.append(slab.sizeClass.blockBytes)
    text.append(" B)")
    if let index = slab.blockIndex(of: start) {
      if slab.isFree(index) { text.append(" that is free") }
    } else {
      text.append(" that was never allocated")
    }
  }

  private static func describeInRuns(
    _ pointer: UInt, _ superSlab: SuperSlab, to text: inout Text
  ) {
    var found = false
    PageRuns.forEachRun(in: superSlab) { start, byteCount, isLive in
      guard pointer &- start < byteCount else { return }
      found = true
      appendPlace(pointer, start, byteCount, to: &text)
      text.append(isLive ? "medium block" : "medium block that is free")
    }
    if !found { text.append("free pages") }
  }

  private static func appendPlace(
    _ pointer: UInt, _ start: UInt, _ byteCount: UInt, to text: inout Text
  ) {
    if pointer != start {
      text.append(pointer &- start)
      text.append(" bytes into the ")
    } else {
      text.append("the ")
    }
    if byteCount >= 32 << 10 {
      text.append(bytes: byteCount)
      text.append(" ")
    }
  }
}
