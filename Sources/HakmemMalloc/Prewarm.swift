import CHakmem
import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache

@c @implementation
public func hak_ss_prewarm_init() -> Int32 {
  guard Process.start() else { return 0 }
  return Int32(Prewarm.run())
}

@c @implementation
public func hak_ss_prewarm_class(_ sizeClass: Int32, _ count: Int32) -> Int32 {
  guard sizeClass > 0, Int(sizeClass) < SizeClass.count, count >= 0 else {
    hakmem_set_errno(Int32(HAKMEM_EINVAL))
    return -1
  }
  guard Process.start() else { return 0 }
  let sizeClass = SizeClass(Int(sizeClass))
  let slabs = Constants.granulesPerSuperSlab / sizeClass.slabSpan
  let blocks = Int(slabs) * sizeClass.blocksPerSlab
  for made in 0..<count {
    guard SlabList(sizeClass).prewarm(blocks: blocks, prefault: Prewarm.prefault) == blocks else {
      return made
    }
  }
  return count
}

@c @implementation
public func hakmem_size_class_count() -> Int32 { Int32(SizeClass.count) }

@c @implementation
public func hakmem_size_class_bytes(_ sizeClass: Int32) -> Int {
  guard sizeClass > 0, Int(sizeClass) < SizeClass.count, Process.start() else { return 0 }
  return Int(SizeClass(Int(sizeClass)).blockBytes)
}

@c @implementation
public func hakmem_size_class_of(_ byteCount: Int) -> Int32 {
  let bytes = UInt(bitPattern: byteCount)
  return bytes <= SizeClass.maximumBytes ? Int32(SizeClass.serving(bytes).number) : 0
}
