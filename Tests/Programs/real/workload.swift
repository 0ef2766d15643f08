// Foundation and Dispatch: dictionaries, JSON, dates, strings and concurrent work; prints a
// summary. The argument is the name of the library that must be loaded, or nothing.
import Dispatch
import Foundation

if CommandLine.arguments.count > 1 {
  let maps = FileHandle(forReadingAtPath: "/proc/self/maps")
  var text = Data()
  while let part = try maps?.read(upToCount: 4096), !part.isEmpty {
    text += part
  }
  let isLoaded = String(decoding: text, as: UTF8.self).contains(CommandLine.arguments[1])
  precondition(isLoaded, "the library is not loaded")
}

struct Item: Codable, Equatable {
  var name: String
  var values: [Double]
  var children: [Item]
}

func makeItem(_ number: Int, depth: Int) -> Item {
  let children = depth == 0 ? [] : (0..<3).map { makeItem(number * 3 + $0, depth: depth - 1) }
  let values = (0..<(number % 7)).map { Double($0) / 8 }
  return Item(name: "item \(number)", values: values, children: children)
}

func work(_ salt: Int) -> Int {
  let item = makeItem(salt, depth: 6)
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys]
  guard let data = try? encoder.encode(item),
    let copy = try? JSONDecoder().decode(Item.self, from: data), copy == item
  else { fatalError("JSON") }
  var counts: [String: Int] = [:]
  for word in String(decoding: data, as: UTF8.self).split(separator: ",") {
    counts[String(word), default: 0] += 1
  }
  return counts.reduce(data.count) { $0 &+ $1.key.count * $1.value }
}

final class Results: @unchecked Sendable {
  private let lock = NSLock()
  private var sums: [Int: Int] = [:]

  func add(_ index: Int, _ sum: Int) {
    lock.lock()
    sums[index] = sum
    lock.unlock()
  }

  var sorted: [Int] { sums.sorted { $0.key < $1.key }.map(\.value) }
}

let results = Results()
DispatchQueue.concurrentPerform(iterations: 16) { index in
  results.add(index, work(index))
}
let group = DispatchGroup()
for index in 16..<24 {
  DispatchQueue.global().async(group: group) { results.add(index, work(index)) }
}
group.wait()
print(results.sorted)
print(Date(timeIntervalSince1970: 1e9).description, "a,b;c".components(separatedBy: ";"))
