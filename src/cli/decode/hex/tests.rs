use super::*;

const FRAME: [u8; 20] = [
    0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, 0x91, 0x08, 0x33, 0x33, 0x34, 0x33, 0x89, 0x67, 0x45,
    0x33, 0x54, 0x16,
];
const HEX: &str = "68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 45 33 54 16";

fn bytes(text: &str) -> Vec<u8> {
    parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}")).bytes
}

#[test]
fn takes_what_serial_tools_print() {
    let frame = vec![0x68, 0x12, 0xAB, 0x16];
    for text in [
        "6812AB16",
        "68 12 ab 16",
        "0x68,0x12,0xAB,0x16",
        "0x68 0X12\n0xAB\r\n0x16\n",
        "[68 12]: AB-16",
        "68H 12H ABH 16H",
        "68h 12h 0ABh 16h",
        "\\x68\\x12\\xAB\\x16",
        "$68 $12 $AB $16",
        "６８ １２ ＡＢ １６",
        "{0x68, 0x12, 0xAB, 0x16};",
        "\u{feff}68 12 AB 16",
        "68:12:AB:16",
        "68-12-AB-16",
        "68\0 12\0 AB\0 16",
        "68，12，AB，16",
        "[104, 18, -85, 22]",
        "[]byte{104, 18, 171, 22}",
        "b'h\\x12\\xab\\x16'",
        "bytearray(b\"h\\x12\\xab\\x16\")",
        "<Buffer 68 12 ab 16>",
    ] {
        assert_eq!(bytes(text), frame, "{text:?}");
    }
    assert_eq!(bytes("0x0, 0x1, A"), [0, 1, 10]);
    assert_eq!(bytes("68 32 0 0 0 0 0 68 91 a"), [0x68, 0x32, 0, 0, 0, 0, 0, 0x68, 0x91, 0x0A]);
    assert_eq!(parse("  \n "), Ok(Parsed::default()));
}

#[test]
fn labels_of_logs_are_passed_over() {
    for label in [
        "[12:00:01.123] TX: {}",
        "[14:02:01.123]收←◆{}",
        "[14:02:01.123]发→◇{} □",
        "14:02:01.402 [接收] {}",
        "RX<- {}",
        "<-Tx:{} ",
        "5/1/2024 12:00:00.123 [RX] - {}",
        "2024-05-01 10:00:01.123 DEBUG [dlt645] rx 20 bytes: {}",
        "15:44:29发送原始报文:{}",
        "接收←  93H {}   2014-11-28 10:38:17 成功",
        "[收到片段] 长度:  20 字节 | {}",
        "const uint8_t answer[20] = { {} }; // 00010000",
        "{} (20 bytes)",
        "/* 读 00 01 00 00 */ {}",
        "   0.123 +12    → {}",
        "answer: {} ok",
        "[7] {}",
        "3: {}",
        "[2019-11-06 15:26:14.000]# RECV HEX>\n{}",
        "14:02:01.402\n{}",
        "读数据 地址=123456789012 DI=00010000（正向有功电能）\n{}\n地址域:  123456789012\n控制码C: 91",
    ] {
        assert_eq!(bytes(&label.replace("{}", HEX)), FRAME, "{label}");
    }
    let two = format!("TX: {HEX} RX: {HEX}");
    assert_eq!(bytes(&two), [FRAME, FRAME].concat());
    assert_eq!(bytes("{0xFE,0x68,0x05,(byte)0x85,(byte) 0x81,0x16}"), [0xFE, 0x68, 0x05, 0x85, 0x81, 0x16]);
    assert_eq!(bytes("u8 buf[3] = {0x68, 00, 0x16, '\\n'};"), [0x68, 0, 0x16]);
}

#[test]
fn a_byte_or_two_behind_a_direction_count() {
    assert_eq!(bytes("RX: 68\nRX: 12 90\nTX<- 68"), [0x68, 0x12, 0x90, 0x68]);
    assert_eq!(
        bytes(&format!("12:00:01.100 68 12\n12:00:01.110 90\nlength: 20\n{HEX}"))[..3],
        [0x68, 0x12, 0x90]
    );
    assert_eq!(bytes("data: 33 33 34 33"), [0x33, 0x33, 0x34, 0x33]);
}

#[test]
fn what_was_passed_over_is_told() {
    let parsed = parse(&format!("[12:00:01.123] TX: {HEX}\nall well\n{HEX} (20 bytes)")).unwrap();
    let told: Vec<(usize, &str)> =
        parsed.passed_over.iter().map(|(line, text)| (*line, text.as_str())).collect();
    assert_eq!(told, [(1, "12:00:01.123] TX"), (2, "all well"), (3, "20 bytes")]);
}

#[test]
fn dumps_lose_their_offsets_and_letters() {
    for dump in [
        "0000   68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67   h..xV4.h..334..g\n\
         0010   45 33 54 16                                       E3T.",
        "00000000  68 12 90 78 56 34 12 68  91 08 33 33 34 33 89 67  |h..xV4.h..334..g|\n\
         00000010  45 33 54 16                                       |E3T.|\n00000014",
        "00000000: 6812 9078 5634 1268 9108 3333 3433 8967  h..xV4.h..334..g\n00000010: 4533 5416  E3T.",
        "0000000 68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67\n0000020 45 33 54 16\n0000024\n",
        "00: 68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 \n10: 45 33 54 16 ",
        "0000  68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 45 33 54 16",
        "0x0000: 68 12 90 78 56 34 12 68\n0x0008: 91 08 33 33 34 33 89 67\n0x0010: 45 33 54 16",
    ] {
        assert_eq!(bytes(dump), FRAME, "{dump}");
    }
    let two = "00: 68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 \n10: 45 33 54 16 \n00: 68 12 90 78 56 34 12 68 94 \n";
    assert_eq!(bytes(two).len(), 29, "a dump behind a dump");
    // Letters that are digits themselves.
    assert_eq!(
        bytes("0000   33 34 33 34 45 46 41 42   3434EFAB"),
        [0x33, 0x34, 0x33, 0x34, 0x45, 0x46, 0x41, 0x42]
    );
    // What only looks like an offset is bytes.
    assert_eq!(bytes("6812 90 78\n5634 12 68"), [0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68]);
    assert_eq!(bytes("68:12 90"), [0x68, 0x12, 0x90]);
}

#[test]
fn logs_lose_the_letters_behind_their_bytes() {
    for log in [
        "10:00:00 |<--- 20  : 68 12 90 78 56 34 12 68 91 08 33 33 ;h..xV4.h..33\n\
         |         : 34 33 89 67 45 33 54 16                         ;43.gE3T.",
        "68 12 90 78 56 34 12 68 |h..xV4.h|\n91 08 33 33 34 33 89 67 |..334..g|\n45 33 54 16  |....|",
        "68 12 90 78 56 34 12 68 91 08 33 33 34 33 89 67 ;................\n45 33 54 16 ;....",
    ] {
        assert_eq!(bytes(log), FRAME, "{log}");
    }
}

#[test]
fn bytes_in_a_comment_are_bytes_where_there_are_no_others() {
    assert_eq!(bytes(&format!("// {HEX}")), FRAME);
    assert_eq!(bytes(&format!("// an answer\n  // {HEX}\n")), FRAME);
    assert_eq!(bytes(&format!("// 68 12\n{HEX}")), FRAME, "a comment beside bytes stays one");
    assert!(parse("// nothing").unwrap().bytes.is_empty());
}

#[test]
fn says_where_it_is_wrong() {
    for (text, line, column, letter) in [
        ("68\n 1G", 2, 3, 'G'),
        ("68 12 9O 78", 1, 8, 'O'),
        ("68 AA AA 33 XX 16", 1, 13, 'X'),
        ("hello", 1, 1, 'h'),
        ("TX: nothing", 1, 1, 'T'),
    ] {
        assert_eq!(parse(text), Err(HexError::NotHex { line, column, letter }), "{text}");
    }
    assert_eq!(parse("68 123"), Err(HexError::OddDigits { line: 1, column: 6 }));
    assert_eq!(parse(&format!("TX: {HEX} 123")), Err(HexError::OddDigits { line: 1, column: 67 }));
    assert_eq!(parse("68 12 ... 16"), Err(HexError::LeftOut { line: 1, column: 7 }));
    assert_eq!(parse("FE FE 68 78 56 … 16"), Err(HexError::LeftOut { line: 1, column: 16 }));
}

#[test]
fn long_input_is_taken_in_one_go() {
    for text in ["68 12 ", "TX: 68 ", "0000 68\n", "/* */ 68\n", "b'\\x68' ", "[68] ", "10: 68\n", "68 12 ; "]
    {
        assert!(!bytes(&text.repeat(20_000)).is_empty(), "{text}");
    }
}
