import HakmemPages
import HakmemPlatform
import Synchronization

extension Slab {
  /// What contradicts the slab's equations; nil when nothing does. The caller holds the slab. At
  /// rest the count is exact; else another thread may have marked blocks that it counts later.
  package func fault(isAtRest: Bool) -> StaticString? {
    let blocks = sizeClass.blocksPerSlab
    if sizeClass == .none { return "a slab has no size class" }
    if freshCount > blocks { return "more blocks were handed out than there are" }
    let free = freeCount
    if free > blocks { return "a slab counts more free blocks than it has blocks" }
    let marked = markedCount
    if isAtRest ? free != marked + blocks - freshCount : free > marked + blocks - freshCount {
      return "a slab's count of free blocks is wrong"
    }
    if ClassMap.doubledClass(of: start) != sizeClass.doubled {
      return "the class map holds another class"
    }
    return nil
  }

  /// In debug builds, before and after a slab's life: nothing is left of the last one.
  func checkIsVacant(at start: UInt) {
    check(sizeClass == .none ? nil : "a slab is born where one lives")
    check(ClassMap.doubledClass(of: start) == 0 ? nil : "the class map knows an unborn slab")
  }

  /// In debug builds, a slab that the caller holds, now and then.
  func checkSometimes() {
    let blocksBetweenChecks = 32
    if freeCount % blocksBetweenChecks == 0 { check(fault(isAtRest: false)) }
  }

  /// What contradicts a SuperSlab's word of granules at rest: slabs and free granules exclude each
  /// other, and the class map knows each slab and nothing else.
  package static func fault(in superSlab: SuperSlab) -> StaticString? {
    guard superSlab.kind == .slabs else { return nil }
    let free = superSlab.freeGranules
    for index in 0..<Constants.granulesPerSuperSlab {
      let start = superSlab.start &+ index << Constants.granuleShift
      let doubledClass = ClassMap.doubledClass(of: start)
      let slab = around(start)
      if free & (1 << UInt32(index)) != 0 {
        if slab != nil { return "a slab lies in a free granule" }
        if doubledClass != 0 { return "the class map knows a free granule" }
      } else if let slab {
        if start &- slab.start >= slab.sizeClass.slabBytes {
          return "a slab's record tells another place"
        }
        if let fault = slab.fault(isAtRest: true) { return fault }
      }
    }
    return nil
  }
}
