import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs

/// How a tool switches profiling on and off in a running process: it writes into this library's
/// exported control record, which slow calls look at now and then. Nobody stops for it.
enum ProfileControl {
  @inline(__always)
  static func look() {
    let control = hakmem_control().unsafelyUnwrapped
    if control.pointee.request != control.pointee.served { serve(control) }
  }

  @inline(never)
  private static func serve(_ control: UnsafeMutablePointer<hakmem_profile_control_t>) {
    // One thread serves it; the others see that it is served.
    guard hakmem_claim_request(control) != 0 else { return }
    var isServed = true
    if control.pointee.is_on != 0 {
      Option.profile.set(UInt(bitPattern: hakmem_control_folder()), from: .program)
      if isServed, !MapLog.isOn {
        isServed = MapLog.begin(parent: 0)
        if isServed {
          AddressMap.note()
          MapLog.note(.began, 0)
        }
      }
      if isServed, control.pointee.sample_bytes > 0, !Interception.isActive(.profiler) {
        isServed = HeapProfile.begin(distance: UInt(control.pointee.sample_bytes))
      }
    } else {
      MapLog.end()
      HeapProfile.end()
    }
    control.pointee.result = isServed ? 1 : 2
  }
}

/// What a map log begins with: everything that has a place already.
package enum AddressMap {
  package static func note() {
    let metadata = OwnAddresses.metadata
    MapLog.note(.metadata, metadata.lowerBound, UInt(metadata.count))
    let classMap = ClassMap.extent
    MapLog.note(.classMap, classMap.lowerBound, UInt(classMap.count))
    SuperSlab.forEach { superSlab in
      superSlab.noteUse()
      Slab.forEach(in: superSlab) { $0.noteUse() }
    }
    LargeRegions.forEach { if $0.isLive { $0.noteUse() } }
    let fromWords = hakmem_thread_pointer() &- ThreadIdentity.current
    ThreadCache.forEach { cache in
      guard cache.isOwned else { return }
      MapLog.note(.thread, cache.record.pointee.ownersWords &+ fromWords)
    }
  }
}
