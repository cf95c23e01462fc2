//! Names for drawn worlds: customers, streets and stations that do not exist.

use crate::seed::Seed;

const FAMILIES: [&str; 24] = [
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何",
    "郭", "马", "罗", "梁", "宋", "郑", "谢",
];
const GIVEN: [&str; 24] = [
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超",
    "秀英", "建国", "桂兰", "志强", "晓东", "海燕", "玉梅",
];
const PLACES: [&str; 12] =
    ["东风", "和平", "新华", "建设", "人民", "解放", "光明", "滨河", "翠园", "朝阳", "永安", "兴业"];
const SHOPS: [&str; 8] = ["便利店", "餐馆", "超市", "药房", "五金店", "理发店", "网吧", "宾馆"];
const FACTORIES: [&str; 8] = ["机械厂", "食品厂", "纺织厂", "印刷厂", "塑料厂", "化工厂", "家具厂", "电子厂"];

fn pick(list: &[&'static str], seed: Seed, index: u64) -> &'static str {
    let last = i64::try_from(list.len()).unwrap_or(1) - 1;
    let place = usize::try_from(seed.between(index, 0, last)).unwrap_or_default();
    list.get(place).copied().unwrap_or_default()
}

/// A person.
#[must_use]
pub fn person(seed: Seed) -> String {
    format!("{}{}", pick(&FAMILIES, seed, 1), pick(&GIVEN, seed, 2))
}

/// A shop.
#[must_use]
pub fn shop(seed: Seed) -> String {
    format!("{}{}", pick(&PLACES, seed, 1), pick(&SHOPS, seed, 2))
}

/// A factory.
#[must_use]
pub fn factory(seed: Seed) -> String {
    format!("{}{}", pick(&PLACES, seed, 1), pick(&FACTORIES, seed, 2))
}

/// A transformer area; each number its own.
#[must_use]
pub fn area(seed: Seed, number: usize) -> String {
    format!("{}路{number}号台区", pick(&PLACES, seed, 1))
}
