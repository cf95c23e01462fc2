//! What functions and exceptions of Modbus are called. [Modbus 5, 7]

/// English and Chinese.
pub(super) type Names = (&'static str, &'static str);

/// The functions that frames are told by; the others are of serial lines only or carry what nothing is known of.
pub(super) const fn function(code: u8) -> Option<Names> {
    Some(match code {
        1 => ("read coils", "读线圈"),
        2 => ("read discrete inputs", "读离散输入"),
        3 => ("read holding registers", "读保持寄存器"),
        4 => ("read input registers", "读输入寄存器"),
        5 => ("write single coil", "写单个线圈"),
        6 => ("write single register", "写单个寄存器"),
        15 => ("write multiple coils", "写多个线圈"),
        16 => ("write multiple registers", "写多个寄存器"),
        22 => ("mask write register", "屏蔽写寄存器"),
        23 => ("read and write multiple registers", "读/写多个寄存器"),
        _ => return None,
    })
}

/// Why a meter refuses.
pub(super) const fn exception(code: u8) -> Names {
    match code {
        1 => ("illegal function", "非法功能"),
        2 => ("illegal data address", "非法数据地址"),
        3 => ("illegal data value", "非法数据值"),
        4 => ("server device failure", "从站设备故障"),
        5 => ("acknowledge, it needs longer", "确认，需要较长时间"),
        6 => ("server device busy", "从站设备忙"),
        7 => ("negative acknowledge", "否定确认"),
        8 => ("memory parity error", "存储奇偶校验差错"),
        0x0A => ("gateway path unavailable", "网关路径不可用"),
        0x0B => ("gateway target device failed to respond", "网关目标设备无响应"),
        _ => ("exception of unknown meaning", "含义未知的异常"),
    }
}
