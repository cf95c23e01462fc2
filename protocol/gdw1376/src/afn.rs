//! The application function code AFN (应用层功能码): what kind of message this is. [1376 2]

use core::fmt;

/// The application function code; an unknown one survives a round trip.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Afn(pub u8);

impl Afn {
    /// Confirm or deny (确认/否认), both directions.
    pub const CONFIRM: Self = Self(0x00);
    /// Reset (复位), down.
    pub const RESET: Self = Self(0x01);
    /// Link interface check (链路接口检测): login, logout, heartbeat, up.
    pub const LINK: Self = Self(0x02);
    /// Relay station command (中继站命令).
    pub const RELAY_STATION: Self = Self(0x03);
    /// Set parameters (设置参数), down.
    pub const SET_PARAMETERS: Self = Self(0x04);
    /// Control (控制命令), down.
    pub const CONTROL: Self = Self(0x05);
    /// Authentication and key agreement (身份认证及密钥协商).
    pub const SECURITY: Self = Self(0x06);
    /// Ask a cascaded terminal for its reports (请求被级联终端主动上报).
    pub const CASCADE: Self = Self(0x08);
    /// Terminal configuration and version (请求终端配置及信息).
    pub const CONFIGURATION: Self = Self(0x09);
    /// Read parameters (查询参数).
    pub const READ_PARAMETERS: Self = Self(0x0A);
    /// Task data (请求任务数据).
    pub const TASK_DATA: Self = Self(0x0B);
    /// Class-1 data, real time (请求1类数据).
    pub const CLASS_1: Self = Self(0x0C);
    /// Class-2 data, history (请求2类数据).
    pub const CLASS_2: Self = Self(0x0D);
    /// Class-3 data, events (请求3类数据).
    pub const CLASS_3: Self = Self(0x0E);
    /// File transfer (文件传输).
    pub const FILE: Self = Self(0x0F);
    /// Data relay to a meter (数据转发).
    pub const FORWARD: Self = Self(0x10);

    /// True when a message down with this code ends in a message authentication code (PW). [1376 1.7]
    #[must_use]
    pub const fn carries_password(self) -> bool {
        matches!(self.0, 0x01 | 0x04 | 0x05 | 0x06 | 0x0F | 0x10)
    }

    /// True when a message down with this code asks for data, so that what follows an identifier is a selector for
    /// all points and items it names and not data for each. [1376 3.4] [1376 3.9]
    #[must_use]
    pub const fn is_query(self) -> bool {
        matches!(self.0, 0x08..=0x0E)
    }

    /// The name in both languages, English first; `None` for a reserved or regional code.
    #[must_use]
    pub const fn names(self) -> Option<(&'static str, &'static str)> {
        Some(match self.0 {
            0x00 => ("confirm or deny", "确认/否认"),
            0x01 => ("reset", "复位"),
            0x02 => ("link interface check", "链路接口检测"),
            0x03 => ("relay station command", "中继站命令"),
            0x04 => ("set parameters", "设置参数"),
            0x05 => ("control", "控制命令"),
            0x06 => ("authentication and key agreement", "身份认证及密钥协商"),
            0x08 => ("ask a cascaded terminal for its reports", "请求被级联终端主动上报"),
            0x09 => ("terminal configuration", "请求终端配置及信息"),
            0x0A => ("read parameters", "查询参数"),
            0x0B => ("task data", "请求任务数据"),
            0x0C => ("class-1 data (real time)", "请求1类数据(实时)"),
            0x0D => ("class-2 data (history)", "请求2类数据(历史)"),
            0x0E => ("class-3 data (events)", "请求3类数据(事件)"),
            0x0F => ("file transfer", "文件传输"),
            0x10 => ("data relay", "数据转发"),
            _ => return None,
        })
    }
}

impl fmt::Display for Afn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

impl fmt::Debug for Afn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}H", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // covers [1376 2]
    #[test]
    fn each_code_of_the_table_has_a_name_and_the_reserved_ones_have_none() {
        let named: Vec<u8> = (0..=255).filter(|code| Afn(*code).names().is_some()).collect();
        assert_eq!(named, [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
        let with_password: Vec<u8> = (0..=255).filter(|code| Afn(*code).carries_password()).collect();
        assert_eq!(with_password, [0x01, 0x04, 0x05, 0x06, 0x0F, 0x10]);
    }
}
