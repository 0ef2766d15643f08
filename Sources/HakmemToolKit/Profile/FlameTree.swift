/// Stacks as a tree, from the outermost call in, for drawing. Branches too narrow to be seen are
/// left out, so that the page stays small whatever the program did.
struct FlameTree {
  /// A node's values stand at its place in each array; parents come before their children.
  private(set) var parents: [Int] = []
  private(set) var frames: [Int] = []
  private(set) var values: [Int] = []

  /// A screen has fewer pixels across.
  private static let narrowest = 8000

  init(_ profile: StackProfile) {
    struct Node {
      var frame: Int32
      var value: Int
      var children: [Int32: Int] = [:]
    }
    var nodes = [Node(frame: -1, value: 0)]
    for (stack, value) in zip(profile.stacks, profile.values) where value > 0 {
      nodes[0].value += value
      var place = 0
      for frame in stack.reversed() {
        if let known = nodes[place].children[frame] {
          place = known
        } else {
          nodes[place].children[frame] = nodes.count
          place = nodes.count
          nodes.append(Node(frame: frame, value: 0))
        }
        nodes[place].value += value
      }
    }
    let least = max(1, nodes[0].value / FlameTree.narrowest)
    var pending = [(node: 0, parent: -1)]
    while let (node, parent) = pending.popLast() {
      let number = parents.count
      parents.append(parent)
      frames.append(Int(nodes[node].frame))
      values.append(nodes[node].value)
      let children = nodes[node].children.values.filter { nodes[$0].value >= least }
      // The widest is drawn first.
      for child in children.sorted(by: { (nodes[$0].value, $1) < (nodes[$1].value, $0) }) {
        pending.append((child, number))
      }
    }
  }
}
