import HakmemPlatform
import Synchronization

/// The process-wide store of SuperSlabs, without locks: those with free granules (available), and
/// empty ones with their pages (warm) and without (cold).
package enum SuperSlabPool {
  struct State: ~Copyable {
    let available: Atomic<UInt64>
    /// Listed SuperSlabs that may be empty; a sweep looks.
    let emptied: Atomic<Int>
  }
  struct WarmState: ~Copyable {
    let stack: Atomic<UInt64>
    let count: Atomic<Int>
  }

  private static var warmState: UnsafeMutablePointer<WarmState> {
    Memory.pointer(at: PagesStorage.warmSuperSlabs)
  }
  /// SuperSlabs with free granules, by the span of the slabs that they hold and by NUMA node.
  private static func available(_ span: UInt, _ node: UInt) -> TaggedStack {
    if node > 0 {
      return TaggedStack(
        unsafeAt: PagesStorage.lists(ofNode: node) &+ (span == 1 ? 0 : Constants.lineBytes))
    }
    return TaggedStack(
      unsafeAt: span == 1
        ? PagesStorage.availableSuperSlabs : PagesStorage.availableWideSuperSlabs)
  }
  private static func warm(_ node: UInt) -> TaggedStack {
    TaggedStack(
      unsafeAt: node > 0
        ? PagesStorage.lists(ofNode: node) &+ 2 &* Constants.lineBytes
        : PagesStorage.warmSuperSlabs)
  }

  private static func forEachNode(_ body: (UInt) -> Void) {
    for node in 0..<Topology.nodes { body(node) }
  }
  static var cold: TaggedStack { TaggedStack(unsafeAt: PagesStorage.coldSuperSlabs) }
  static var prewarmed: TaggedStack {
    TaggedStack(unsafeAt: PagesStorage.prewarmedSuperSlabs)
  }

  package static var warmCount: Int { warmState.pointee.count.load(ordering: .relaxed) }

  /// An empty SuperSlab for a NUMA node's threads that the caller owns: a prewarmed one, a warm one, a
  /// cold one, a new one. Nil when memory is exhausted or the limit reached.
  package static func takeEmpty(node: UInt = Topology.currentNode) -> SuperSlab? {
    let superSlab = takeAnyEmpty(node)
    superSlab?.record.pointee.node = UInt8(node)
    return superSlab
  }

  private static func takeAnyEmpty(_ node: UInt) -> SuperSlab? {
    let ready = prewarmed.pop()
    if ready != 0 { return SuperSlab(unsafeRecord: ready) }
    let address = warm(node).pop()
    if address != 0 {
      warmState.pointee.count.wrappingSubtract(1, ordering: .relaxed)
      return SuperSlab(unsafeRecord: address)
    }
    aheadState.pointee.taken.wrappingAdd(1, ordering: .relaxed)
    return takeAhead() ?? takeCharged()
  }

  // MARK: Without pages

  /// A SuperSlab without pages, which counts against the limits from now on: a cold one or a new one.
  static func takeCharged() -> SuperSlab? {
    guard MemoryLimit.charge(Constants.superSlabBytes) else { return nil }
    let address = cold.pop()
    if address != 0 { return SuperSlab(unsafeRecord: address) }
    if let superSlab = takeUnmapped() ?? SuperSlab.create() { return superSlab }
    MemoryLimit.uncharge(Constants.superSlabBytes)
    return nil
  }

  /// Releases the pages of an empty SuperSlab that the caller owns, and keeps its addresses; returns
  /// the bytes of its dirty granules.
  @discardableResult
  static func putCold(_ superSlab: SuperSlab) -> UInt {
    let freed = Purge.release(superSlab, lazily: Purge.isLazy)
    MemoryLimit.uncharge(Constants.superSlabBytes)
    cold.push(superSlab.address)
    return freed
  }

  /// Takes back an empty SuperSlab that the caller owns. Beyond what is worth keeping its pages go at
  /// once.
  package static func putEmpty(_ superSlab: SuperSlab) {
    trace(superSlab, "emptied")
    superSlab.begin(.unused)
    superSlab.record.pointee.returnedAt.store(Clock.milliseconds(), ordering: .relaxed)
    if superSlab.dirtyGranules != 0, DirtyMemory.bytes <= DirtyMemory.credit.bytes {
      warmState.pointee.count.wrappingAdd(1, ordering: .relaxed)
      warm(superSlab.node).push(superSlab.address)
    } else {
      putCold(superSlab)
    }
  }

  /// Granules for a slab of `span` granules (1 or 4); nil when memory is exhausted.
  package static func takeGranules(
    _ span: UInt = 1, node: UInt = Topology.currentNode
  ) -> Granules? {
    let available = available(span, node)
    let address = available.pop()
    if address != 0 {
      let superSlab = SuperSlab(unsafeRecord: address)
      let (index, isLast) = superSlab.takeGranules()
      if !isLast { available.push(address) }
      return used(Granules(superSlab: superSlab, index: index))
    }
    guard let superSlab = takeEmpty(node: node) else { return nil }
    superSlab.record.pointee.span = span
    superSlab.record.pointee.granules.store(
      SuperSlab.allGranules | SuperSlab.listed, ordering: .relaxed)
    superSlab.begin(.slabs)
    trace(superSlab, "holds slabs")
    let (index, _) = superSlab.takeGranules()
    available.push(superSlab.address)
    return used(Granules(superSlab: superSlab, index: index))
  }

  private static func used(_ granules: Granules) -> Granules {
    granules.superSlab.noteUsed(UInt32(granules.mask))
    DirtyMemory.addInUse(Int(granules.span))
    return granules
  }

  /// Returns the granules of a slab that is dead. `isDirty`: its pages may hold anything.
  package static func putGranules(_ granules: Granules, isDirty: Bool = true) {
    let superSlab = granules.superSlab
    let available = available(granules.span, superSlab.node)
    let mask = granules.mask
    DirtyMemory.addInUse(-Int(granules.span))
    if isDirty {
      superSlab.record.pointee.dirtyGranules.bitwiseOr(UInt32(mask), ordering: .relaxed)
      DirtyMemory.add(Int(granules.span << Constants.granuleShift))
    } else {
      superSlab.record.pointee.dirtyGranules.bitwiseAnd(~UInt32(mask), ordering: .relaxed)
      if Purge.isLazy {
        superSlab.record.pointee.lazyGranules.bitwiseOr(UInt32(mask), ordering: .relaxed)
      }
      superSlab.record.pointee.purgedGranules.bitwiseOr(UInt32(mask), ordering: .relaxed)
      superSlab.record.pointee.purgedAt.store(Clock.milliseconds(), ordering: .relaxed)
    }
    superSlab.record.pointee.returnedAt.store(Clock.milliseconds(), ordering: .relaxed)
    let (mustList, isEmpty) = superSlab.returnGranules(mask)
    if mustList { available.push(superSlab.address) }
    if isEmpty { retireEmpty() }
    if isDirty, DirtyMemory.isTooMuch { purgeGranules(age: 0, lazily: Purge.isLazy) }
  }

  /// Gives the pages of free granules back, in SuperSlabs to which none came back for `age`
  /// milliseconds.
  static func purgeGranules(age: UInt32, lazily: Bool) {
    let now = Clock.milliseconds()
    forEachAvailable {
      $0.freeGranules & (lazily ? $0.dirtyGranules : $0.dirtyGranules | $0.lazyGranules) != 0
        && (age == 0 || !$0.isYoungHugePage)
        && now &- $0.record.pointee.returnedAt.load(ordering: .relaxed) >= age
    } _: { superSlab in
      let freed = Purge.releaseGranules(of: superSlab, lazily: lazily)
      if age > 0 { DirtyMemory.credit.waste(freed) }
    }
  }

  /// Moves the empty SuperSlabs from the available list to the warm pool.
  package static func retireEmpty() {
    forEachNode { node in
      Sweep.perform { retireEmpty(from: available(1, node)) }
      Sweep.perform { retireEmpty(from: available(4, node)) }
    }
  }

  private static func retireEmpty(from available: TaggedStack) {
    var emptied = take(from: available) { superSlab in
      let empty = SuperSlab.allGranules | SuperSlab.listed
      return superSlab.record.pointee.granules.compareExchange(
        expected: empty, desired: 0, successOrdering: .acquiring, failureOrdering: .relaxed
      ).exchanged
    }
    while emptied != 0 {
      let next = TaggedStack.next(after: emptied)
      putEmpty(SuperSlab(unsafeRecord: emptied))
      emptied = next
    }
  }

  /// Calls `body` for the available SuperSlabs that `isWanted`; meanwhile the caller holds them.
  static func forEachAvailable(where isWanted: (SuperSlab) -> Bool, _ body: (SuperSlab) -> Void) {
    forEachNode { node in
      Sweep.perform { forEach(in: available(1, node), where: isWanted, body) }
      Sweep.perform { forEach(in: available(4, node), where: isWanted, body) }
    }
  }

  private static func forEach(
    in available: TaggedStack, where isWanted: (SuperSlab) -> Bool, _ body: (SuperSlab) -> Void
  ) {
    var address = take(from: available, where: isWanted)
    while address != 0 {
      let next = TaggedStack.next(after: address)
      body(SuperSlab(unsafeRecord: address))
      available.push(address)
      address = next
    }
  }

  /// Takes the SuperSlabs that `isWanted` off an available list and returns them as a chain. The
  /// others are missing for a moment only: who finds the list empty makes a new SuperSlab.
  private static func take(
    from available: TaggedStack, where isWanted: (SuperSlab) -> Bool
  ) -> UInt {
    var taken: UInt = 0
    var address = available.popAll()
    while address != 0 {
      let next = TaggedStack.next(after: address)
      if isWanted(SuperSlab(unsafeRecord: address)) {
        TaggedStack.setNext(taken, after: address)
        taken = address
      } else {
        available.push(address)
      }
      address = next
    }
    return taken
  }

  /// Gives the pages of warm SuperSlabs back that were emptied at least `age` milliseconds ago.
  package static func purgeWarm(age: UInt32) {
    forEachNode { node in Sweep.perform { purge(warm(node), age: age) } }
  }

  private static func purge(_ warm: TaggedStack, age: UInt32) {
    let now = Clock.milliseconds()
    var address = warm.popAll()
    while address != 0 {
      let next = TaggedStack.next(after: address)
      let superSlab = SuperSlab(unsafeRecord: address)
      if now &- superSlab.record.pointee.returnedAt.load(ordering: .relaxed) >= age {
        warmState.pointee.count.wrappingSubtract(1, ordering: .relaxed)
        let freed = putCold(superSlab)
        if age > 0 { DirtyMemory.credit.waste(freed) }
      } else {
        warm.push(address)
      }
      address = next
    }
  }

  /// Gives the pages of empty SuperSlabs back for good that went lazily.
  static func purgeLazy() {
    guard Purge.isLazy else { return }
    Sweep.perform { purgeLazyOfCold() }
  }

  private static func purgeLazyOfCold() {
    var address = cold.popAll()
    while address != 0 {
      let next = TaggedStack.next(after: address)
      _ = Purge.release(SuperSlab(unsafeRecord: address), lazily: false)
      cold.push(address)
      address = next
    }
  }

  static func trace(_ superSlab: SuperSlab, _ event: StaticString) {
    guard Option.mapTrace.isOn else { return }
    Text.message {
      $0.append("hakmem: SuperSlab ")
      $0.append(hex: superSlab.start)
      $0.append(" ")
      $0.append(event)
      $0.append("\n")
    }
  }
}
