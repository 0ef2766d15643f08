import HakmemPages
import HakmemPlatform
import HakmemRecorder
import HakmemSlabs
import HakmemThreadCache

/// The calls of the interface while `Interception` is active: each comes here once, `realloc` as one
/// call. Addresses are words, 0 for failure.
enum Intercepted {
  static func allocate(_ byteCount: UInt, zero: Bool, _ site: CallSite) -> UInt {
    let block = take(byteCount, zero: zero, site)
    note(block, byteCount, site)
    if block != 0, isRecorded { Recorder.allocated(block, byteCount, zero ? .calloc : .malloc) }
    return block
  }

  /// `alignment` is a power of two above 16.
  static func allocate(_ byteCount: UInt, alignment: UInt, _ site: CallSite) -> UInt {
    let block = take(byteCount, alignment: alignment, site)
    note(block, byteCount, site)
    if block != 0, isRecorded {
      let power = UInt(alignment.trailingZeroBitCount)
      Recorder.allocated(block, byteCount, .aligned(powerOf2: power))
    }
    return block
  }

  private static func take(_ byteCount: UInt, zero: Bool, _ site: CallSite) -> UInt {
    let guarded = sample(byteCount, alignment: Constants.minimumAlignment, site)
    if guarded != 0 { return guarded }
    return Process.start() && Hardening.isOn
      ? Checked.allocate(byteCount, zero: zero, .ofThread) : Heap.allocate(byteCount, zero: zero)
  }

  private static func take(_ byteCount: UInt, alignment: UInt, _ site: CallSite) -> UInt {
    let guarded = sample(byteCount, alignment: alignment, site)
    if guarded != 0 { return guarded }
    return Process.start() && Hardening.isOn
      ? Checked.allocate(byteCount, alignment: alignment, .ofThread)
      : Heap.allocate(byteCount, alignment: alignment)
  }

  /// A guarded block, zero as all of them, if this allocation is to have one; else 0.
  @inline(__always)
  private static func sample(_ byteCount: UInt, alignment: UInt, _ site: CallSite) -> UInt {
    guard Interception.isActive(.guardSampling), let cache = Heap.usableCache() else { return 0 }
    return GuardSampler.allocate(byteCount, alignment: alignment, cache, site)
  }

  @inline(__always)
  private static func note(_ block: UInt, _ byteCount: UInt, _ site: CallSite) {
    if Interception.isActive(.profiler) { HeapProfile.note(block, byteCount, site) }
  }

  @inline(__always)
  private static func forget(_ block: UInt) {
    if Interception.isActive(.profiler) { HeapProfile.forget(block) }
  }

  static func free(_ pointer: UInt, _ site: CallSite) {
    forget(pointer)
    if isRecorded {
      // So that the thread's end is noticed even if it only frees large blocks.
      _ = Heap.usableCache()
      Recorder.freed(pointer)
    }
    if GuardSampler.contains(pointer) { return GuardSampler.free(pointer, site) }
    if Hardening.isOn { return Checked.free(pointer, .ofThread, site) }
    Heap.free(pointer, site)
  }

  /// `pointer` and `new` are not 0. When memory is exhausted the block stays as it is.
  static func reallocate(_ pointer: UInt, _ new: UInt, _ site: CallSite) -> UInt {
    // Before: what is freed may be another thread's at once.
    forget(pointer)
    let block = recordedResize(pointer, new, site)
    note(block, new, site)
    return block
  }

  private static func recordedResize(_ pointer: UInt, _ new: UInt, _ site: CallSite) -> UInt {
    guard isRecorded else { return resize(pointer, new, site) }
    let number = Recorder.resizing(pointer)
    let block = resize(pointer, new, site)
    if let number {
      if block != 0 {
        Recorder.resized(number, to: block, new)
      } else {
        Recorder.kept(number, pointer)
      }
    } else if block != 0 {
      Recorder.allocated(block, new, .malloc)
    }
    return block
  }

  private static func resize(_ pointer: UInt, _ new: UInt, _ site: CallSite) -> UInt {
    if GuardSampler.contains(pointer) { return leave(pointer, new, site) }
    if Hardening.isOn { return Checked.reallocate(pointer, new, .ofThread, site) }
    guard let old = Heap.usableBytes(pointer) else { Misuse.stop(.reallocate, pointer, site) }
    if ClassMap.doubledClass(of: pointer) == 0 {
      if let resized = Heap.resizeWithoutCopying(pointer, old, new) { return resized }
    } else if new <= old, new > old / 2 {
      return pointer
    }
    guard new <= Constants.maximumRequest else { return 0 }
    let moved =
      new > old && Heap.growsInPlace(new)
      ? Heap.allocateRun(new) : Heap.allocate(new, zero: false)
    guard moved != 0 else { return new <= old ? pointer : 0 }
    Memory.copy(from: pointer, to: moved, min(old, new))
    Heap.free(pointer, site)
    return moved
  }

  /// Moves a guarded block to where the allocation of `new` bytes leads.
  private static func leave(_ pointer: UInt, _ new: UInt, _ site: CallSite) -> UInt {
    guard let old = GuardSampler.byteCount(pointer) else {
      Misuse.stop(.reallocate, pointer, site)
    }
    let moved = take(new, zero: false, site)
    guard moved != 0 else { return 0 }
    Memory.copy(from: pointer, to: moved, min(old, new))
    GuardSampler.free(pointer, site)
    return moved
  }

  /// Whether the recorder is to see the call. When it has stopped, calls go their fast ways again.
  private static var isRecorded: Bool {
    guard Interception.isActive(.recorder) else { return false }
    if Recorder.begin() { return true }
    Interception.end(.recorder)
    return false
  }
}
